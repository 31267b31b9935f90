r"""Trains an embedding to tell every clip from all others, without labels: instance discrimination.

  python -m experiments.train_instances --data='records/*.tfrecord' --workdir=runs/instances --preset=small_instances

The method of Wu et al. 2018 (NPID) and Hornauer et al. 2021: a memory bank has a row for each clip. A random window of
a clip is told from the rows of all other clips, or with --num_negatives of some (noise-contrastive estimation), and
then moves the row of its clip. --time_scale, --random_padding, --random_crop and --reversed_share augment windows.

--preset starts from a named setting; any other flag overrides it. WORKDIR receives config.json, metrics.jsonl,
instances.json (the clips of the bank), logs of TensorBoard and checkpoints. The same command resumes a stopped run; one
on other clips is refused. experiments.export_model exports the result.

With --eval_data or --eval_folds the labels of these clips are predicted after every epoch by those of their nearest
neighbours in the bank: WORKDIR/epochs.jsonl. Clips of their recordings are not learned from, unless --transductive.
"""

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.instances import InstanceConfig
from audioset_triplet.errors import UserError
from audioset_triplet.presets import INSTANCE_PRESETS

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", "", "Run directory, with checkpoints, metrics and logs; made if it is missing.")
flags.DEFINE_string("eval_data", "", "TFRecords to evaluate on (globs). Empty: those of --data, with --eval_folds.")
flags.DEFINE_list("eval_folds", [], "Evaluate on clips of these folds, e.g. 4. Empty: all clips of --eval_data.")
flags.DEFINE_integer("neighbours", 5, "Nearest neighbours that vote for the label of an evaluated clip.", lower_bound=1)
flags.DEFINE_integer("every_epochs", 1, "Evaluate after every so many epochs, and after the last step.", lower_bound=1)
flags.DEFINE_bool(
    "transductive",
    False,
    "Learn from the evaluated clips too, without their labels, as Hornauer et al. 2021 do. false: their recordings are "
    "left out.",
)
command_line.preset_flag(INSTANCE_PRESETS)
command_line.define_flags(InstanceConfig)


def main() -> None:
    command_line.require_flags("data", "workdir")
    config = command_line.config_from_flags(INSTANCE_PRESETS[FLAGS.preset]() if FLAGS.preset else InstanceConfig())
    eval_folds = command_line.integers("eval_folds")
    eval_data = FLAGS.eval_data or (config.data.data if eval_folds else "")
    if FLAGS.transductive and not eval_data:
        raise UserError("--transductive is about evaluated clips: give --eval_folds or --eval_data.")
    # After the flags: TensorFlow takes seconds to load.
    from audioset_triplet.evaluation import epoch_measures
    from audioset_triplet.frontend import registry
    from audioset_triplet.records import clip_labels
    from audioset_triplet.training import epoch_log, instances

    clips, epochs = clip_labels.read(config.data.data, config.data.folds), None
    if eval_data:
        front_end = registry.by_name(config.network.front_end)
        evaluated = epoch_measures.EvaluatedClips(eval_data, eval_folds, front_end)
        clips = instances.learned_clips(clips, evaluated.clips, FLAGS.transductive)
        neighbours = epoch_measures.BankNeighbours(evaluated, clips, FLAGS.neighbours, config.loss.temperature)
        epochs = epoch_log.Epochs(neighbours, FLAGS.every_epochs)
    instances.train(config, clips, FLAGS.workdir, epochs)


if __name__ == "__main__":
    command_line.run(main, writes="workdir")
