"""Trains an embedding on triplets of unlabelled audio clips (or, with --method=labels, of labelled ones).

  python -m experiments.train_triplet --data='records/*.tfrecord' --workdir=runs/joint --preset=small

--preset starts from a named setting; any other flag overrides it. WORKDIR receives config.json, metrics.jsonl, logs of
TensorBoard and checkpoints. The same command resumes a stopped run. experiments.export_model exports the result.
"""

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.presets import PRESETS

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", "", "Run directory, with checkpoints, metrics and logs; made if it is missing.")
command_line.preset_flag(PRESETS)
command_line.define_flags(TripletConfig)


def main() -> None:
    command_line.require_flags("data", "workdir")
    config = command_line.config_from_flags(PRESETS[FLAGS.preset]() if FLAGS.preset else TripletConfig())
    # After the flags: TensorFlow takes seconds to load.
    from audioset_triplet.training import triplet

    triplet.train(config, FLAGS.workdir)


if __name__ == "__main__":
    command_line.run(main, writes="workdir")
