"""The experiment of Jansen et al. 2018 as one resumable command: every method, baseline and topline, every evaluation.

  python -m experiments.reproduce_jansen2018 --data='records/*.tfrecord' --folds=4 --output=table --preset=small

trains noise, translation, mixing, proximity, joint and the supervised topline under one budget, adds log-mel and the
untrained network, and evaluates each by retrieval, classification, classification with few labels, and its nearest
neighbours. The table also has two classifiers on log-mel, one of them a ResNet-50 trained from scratch, and beyond the
paper the row `contrastive`. After every cell the program writes OUTPUT/table.json, table.md and report.html; recovery
is how far a method comes from log-mel to the topline.

Stop it at any time; the same command resumes, and no finished cell is computed again. More --seeds and --folds
extend the table. --only=joint,topline/retrieval picks rows and cells; --dry_run lists what there is to do.
--eval_data=GLOB evaluates on other records instead of a fold.
"""

import contextlib

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.studies import Jansen2018Config
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.presets import PRESETS

FLAGS = flags.FLAGS
command_line.preset_flag(PRESETS)
command_line.define_flags(TripletConfig, left_out=("folds", "method", "seed"))
command_line.define_flags(Jansen2018Config)


def main() -> None:
    command_line.require_flags("data", "output", "seeds", "labels_per_class")
    base = command_line.config_from_flags(PRESETS[FLAGS.preset]() if FLAGS.preset else TripletConfig())
    config = command_line.config_from_flags(Jansen2018Config())
    from audioset_triplet.studies.jansen2018 import study  # here: TensorFlow takes seconds to load

    with contextlib.nullcontext() if config.dry_run else command_line.writing("output"):
        print(study.run(config, base))


if __name__ == "__main__":
    command_line.run(main)
