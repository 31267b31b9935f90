r"""Trains a classifier from scratch on the labels of clips: the supervised comparison of Jansen et al. 2018.

  python -m experiments.train_classifier --data='records/*.tfrecord' --folds=1,2,3 --eval_folds=4 \
      --workdir=runs/classifier --preset=small_classifier

The network is that of the embedding, with the classes as its output. --clips=FILE, with one clip id per line, restricts
training to these clips, as in the paper's semi-supervised comparison. --preset starts from a named setting; any other
flag overrides it. The same command resumes a stopped run.

Where some classes are much more frequent than others, --prior_exponent weights the loss of positives by the priors of
their classes, or --class_balance=repeat repeats the clips of rare classes; WORKDIR/classes.json has priors and weights.
--mixup_alpha, --shift_bands, --time_masks, --band_masks, --dropout and --average_from are for few clips and long
training.

Every window has the labels of its clip, in the records or in --weak_labels=FILE, of experiments.export_ratings or
experiments.label_clusters. With --frame_labels=FILE, of experiments.refine_labels, windows have only the labels that
they keep there; those that keep none are left out, or are negatives with --dropped_windows=negative.

--start_from=RUN starts with the network of another run and fine-tunes all its layers, or with --trained_layers=head the
classes alone; experiments.finetune does so on all folds. --time_scale, --random_padding, --random_crop and
--reversed_share change the waveform of a window.

With --eval_data or --eval_folds the trained classifier scores these clips: WORKDIR/scores.parquet has the scores,
WORKDIR/results.json the same metrics as experiments.evaluate --task=classification. With --every_epochs they are scored
while it is trained too. Training leaves out the clips of evaluated recordings.
"""

import os

from absl import flags

from audioset_triplet import command_line, files
from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.errors import UserError
from audioset_triplet.presets import CLASSIFIER_PRESETS

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", "", "Run directory, with checkpoints, metrics and results; made if it is missing.")
flags.DEFINE_string("eval_data", "", "TFRecords to evaluate on (globs). Empty: those of --data, with --eval_folds.")
flags.DEFINE_list("eval_folds", [], "Evaluate on clips of these folds, e.g. 4. Empty: all clips of --eval_data.")
flags.DEFINE_integer(
    "every_epochs",
    0,
    "Evaluate after every so many epochs too, in WORKDIR/epochs.jsonl. 0: at the end alone.",
    lower_bound=0,
)
command_line.preset_flag(CLASSIFIER_PRESETS)
command_line.define_flags(ClassifierConfig)


def main() -> None:
    command_line.require_flags("data", "workdir")
    base = CLASSIFIER_PRESETS[FLAGS.preset]() if FLAGS.preset else ClassifierConfig()
    config = command_line.config_from_flags(base)
    eval_folds = command_line.integers("eval_folds")
    eval_data = FLAGS.eval_data or (config.data.data if eval_folds else "")
    if FLAGS.every_epochs and not eval_data:
        raise UserError("--every_epochs needs clips to evaluate: give --eval_folds or --eval_data.")
    # After the flags: TensorFlow takes seconds to load.
    from audioset_triplet import distribution
    from audioset_triplet.evaluation import clip_scoring, epoch_measures
    from audioset_triplet.frontend import registry
    from audioset_triplet.records import clip_labels
    from audioset_triplet.reports import classifier_report
    from audioset_triplet.training import classifier, epoch_log

    clips, epochs = classifier.training_clips(config), None
    if eval_data:
        clips = classifier.usable_clips(clips, clip_labels.read(eval_data, eval_folds))
    if eval_data and FLAGS.every_epochs:
        front_end = registry.by_name(config.network.front_end)
        evaluated = epoch_measures.EvaluatedClips(eval_data, eval_folds, front_end)
        epochs = epoch_log.Epochs(epoch_measures.ClassifierScores(evaluated, FLAGS.workdir), FLAGS.every_epochs)

    classifier.train(config, clips, FLAGS.workdir, epochs=epochs)

    if eval_data and distribution.is_chief_task(os.environ.get("TF_CONFIG", "{}")):  # of several workers, one
        with files.one_writer(FLAGS.workdir):
            scores = clip_scoring.score(FLAGS.workdir, eval_data, eval_folds)
            front_end = registry.by_name(config.network.front_end)
            print(classifier_report.write(FLAGS.workdir, scores, front_end.id, config.training.seed))


if __name__ == "__main__":
    command_line.run(main, writes="workdir")
