r"""The experiment of Hornauer et al. 2021 as one resumable command: pre-training without labels, fast fine-tuning.

  python -m experiments.reproduce_hornauer2021 --preset=small_hornauer2021 --seeds=0,1,2 --output=curves \
      --data_sets=esc10='esc10/*.tfrecord',esc50='esc50/*.tfrecord',urbansound8k='urbansound8k/*.tfrecord'

fine-tunes a classifier on each data set, with each fold held out in turn (or --held_out), and evaluates it after every
epoch. Networks start from random weights (scratch), or from instance discrimination: on the other folds of the data
set (own), on other data sets (others), on all data sets without the held-out fold (all), and as in the paper on all
data sets and folds (all_folds, transductive). --imagenet_weights adds the start imagenet.

--preset is the published setting unless given, which is for GPUs. Flags of training are about fine-tuning; those of
the network, of windows and of devices about pre-training too.

OUTPUT/report.html has the curves with their spread, the lead over scratch, what each start has learned from, and the
cost of pre-training; results.json and table.md have the numbers. Stop it at any time; the same command resumes. More
folds and seeds extend it. --only=scratch,all picks starts; --dry_run lists what there is to do.
"""

import contextlib
import dataclasses

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.studies import Hornauer2021Config
from audioset_triplet.presets import TWO_STAGE_PRESETS

FLAGS = flags.FLAGS
command_line.preset_flag(TWO_STAGE_PRESETS)
command_line.define_flags(
    ClassifierConfig,
    left_out=(
        *("data", "folds", "seed", "steps", "start_from", "trained_layers"),
        *("clips", "weak_labels", "frame_labels", "dropped_windows", "priors", "prior_exponent", "weights_from"),
    ),
)
command_line.define_flags(Hornauer2021Config)


def main() -> None:
    command_line.require_flags("data_sets", "output", "seeds")
    base = TWO_STAGE_PRESETS[FLAGS.preset or "hornauer2021"]()
    finetuned = command_line.config_from_flags(base.finetuning)
    config = command_line.config_from_flags(dataclasses.replace(Hornauer2021Config(), loss=base.pretraining.loss))
    from audioset_triplet.studies.hornauer2021 import study  # here: TensorFlow takes seconds to load

    with contextlib.nullcontext() if config.dry_run else command_line.writing("output"):
        print(study.run(config, base.pretraining, finetuned))


if __name__ == "__main__":
    command_line.run(main)
