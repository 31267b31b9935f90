r"""Trains an embedding of audio on coincidence, through the curriculum of Jansen et al. 2020.

  python -m experiments.train_coincidence --data='records/*.tfrecord' --workdir=run --preset=small_coincidence

Each stage is a run of --steps in WORKDIR/stageN that starts from the weights of the stage before:

  1  audio-visual coincidence: a window and an image of one recording (records of data_prep.prepare_audiovisual)
  2  and audio-audio coincidence: two windows of one recording
  3  and clustering of windows
  4  and classification, by labels that were queried for clusters, or rated (--weak_labels, of
     experiments.label_clusters or experiments.export_ratings)

Records without images have stages 2 to 4, without the first term: --images=false. The weights of the terms are flags; a
term of weight 0 is left out. To give a stage settings of its own, train it alone: --stages=2 starts from the last stage
before it that WORKDIR has.

--preset starts from a named setting; any other flag overrides it. The same command resumes a stopped run.
experiments.export_model --workdir=WORKDIR/stageN exports a stage; experiments.evaluate_coincidence evaluates its
coincidence heads. With --eval_data or --eval_folds the classifier of stage 4 scores these clips: scores.parquet in its
folder has the scores, results.json the same metrics as experiments.evaluate --task=classification.
"""

import os

from absl import flags

from audioset_triplet import command_line, files
from audioset_triplet.config.coincidence import CoincidenceConfig
from audioset_triplet.errors import UserError
from audioset_triplet.presets import COINCIDENCE_PRESETS

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", "", "Folder of the run directories of the stages; made if it is missing.")
flags.DEFINE_list("stages", ["1", "2", "3"], "Stages to train, in order. Without images: 2,3.")
flags.DEFINE_string("eval_data", "", "TFRecords to evaluate stage 4 on. Empty: those of --data, with --eval_folds.")
flags.DEFINE_list(
    "eval_folds", [], "Evaluate stage 4 on clips of these folds, e.g. 4. Empty: all clips of --eval_data."
)
command_line.preset_flag(COINCIDENCE_PRESETS)
command_line.define_flags(CoincidenceConfig, left_out=["start_from"])


def main() -> None:
    command_line.require_flags("data", "workdir")
    base = COINCIDENCE_PRESETS[FLAGS.preset]() if FLAGS.preset else CoincidenceConfig()
    config, stages = command_line.config_from_flags(base), command_line.integers("stages")
    eval_folds = command_line.integers("eval_folds")
    eval_data = FLAGS.eval_data or (config.data.data if eval_folds else "")
    if eval_data and 4 not in stages:
        raise UserError("--eval_data and --eval_folds are for the classifier of stage 4: name it in --stages.")
    # After the flags: TensorFlow takes seconds to load.
    from audioset_triplet import distribution
    from audioset_triplet.evaluation import clip_scoring
    from audioset_triplet.frontend import registry
    from audioset_triplet.reports import classifier_report
    from audioset_triplet.training import curriculum

    curriculum.train(config, stages, FLAGS.workdir)

    if eval_data and distribution.is_chief_task(os.environ.get("TF_CONFIG", "{}")):  # of several workers, one
        folder = curriculum.stage_folder(FLAGS.workdir, 4)
        with files.one_writer(folder):
            scores = clip_scoring.score(folder, eval_data, eval_folds)
            front_end = registry.by_name(config.network.front_end)
            print(classifier_report.write(folder, scores, front_end.id, config.training.seed))


if __name__ == "__main__":
    command_line.run(main, writes="workdir")
