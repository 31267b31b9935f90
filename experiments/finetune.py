r"""Fine-tunes classifiers from several starts on the folds of a data set, and draws their accuracy by epoch.

  python -m experiments.finetune --data='records/*.tfrecord' --protocol=esc50 --preset=small_classifier \
      --starts=scratch,instances=runs/instances-without-fold{fold} --output=finetuning

For each fold a classifier learns from all other folds for --epochs, and scores the clips of the fold after every epoch.
A start is the run directory of experiments.train_instances, train_triplet, train_coincidence or train_classifier, whose
network has the same front end, architecture and sizes; {fold} in it stands for the held-out fold, so that a start can
be one that has not seen the fold. The page says how many of the evaluated clips each start has learned from.
NAME=FILE.h5 starts from weights of keras.applications. --trained_layers=head trains the classes alone.

OUTPUT/report.html has curves of each fold, their mean and their standard deviation; results.json and table.md have the
numbers. Stop it at any time; the same command resumes. More --starts, --folds and --seeds extend it; --dry_run lists
what there is to do.
"""

import contextlib
import dataclasses

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.classifier import ClassifierConfig, StartConfig
from audioset_triplet.config.studies import FinetuningConfig
from audioset_triplet.presets import CLASSIFIER_PRESETS

FLAGS = flags.FLAGS
command_line.preset_flag(CLASSIFIER_PRESETS)
command_line.define_flags(ClassifierConfig, left_out=("folds", "imagenet_weights", "seed", "start_from", "steps"))
command_line.define_flags(FinetuningConfig)


def main() -> None:
    command_line.require_flags("data", "output", "seeds", "starts")
    base = CLASSIFIER_PRESETS[FLAGS.preset]() if FLAGS.preset else ClassifierConfig()
    base = dataclasses.replace(base, start=StartConfig(start_from="{fold}"))  # which --trained_layers is about
    base, config = command_line.config_from_flags(base), command_line.config_from_flags(FinetuningConfig())
    from audioset_triplet.studies.finetuning import study  # here: TensorFlow takes seconds to load

    with contextlib.nullcontext() if config.dry_run else command_line.writing("output"):
        print(study.run(config, base))


if __name__ == "__main__":
    command_line.run(main)
