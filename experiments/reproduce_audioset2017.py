r"""The experiments of Hershey et al. 2017 and of the AudioSet talk of the same year as one resumable command.

  python -m experiments.reproduce_audioset2017 --data='train/*.tfrecord' --eval_data=balanced='eval/*.tfrecord' \
      --ratings=balanced=framed_posneg.tsv --strong_labels=balanced=strong.tsv --core_minutes=20 --output=tables

trains classifiers and evaluates each on every set of --eval_data: --architectures under one budget; the one of
--architecture with --training_shares of the clips, with the --prior_exponents as beta, and with labels that its own
scores refine (--threshold, --dropped_windows); it and a fully connected one with the labels of --label_share of the
clips; and with --embedding_model fully connected classifiers of an embedding.

Evaluations are those of experiments.evaluate --task=scores: by the labels of clips, on rated pairs where a set has
--ratings, and on windows where it has --strong_labels. After every one the program writes OUTPUT/table.json, table.md
and report.html, with published numbers beside its own.

The budget is --steps, or --core_minutes: the same time on the same cores for every architecture, as many steps as fit.

Stop it at any time; the same command resumes, and no finished cell is computed again. More --seeds, sets, shares and
values of beta extend the tables. --only=refined,fc/scores picks rows and cells; --dry_run lists what there is to do.
"""

import contextlib
import dataclasses

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.classifier import ClassifierConfig, LabelConfig
from audioset_triplet.config.studies import AudioSet2017Config
from audioset_triplet.presets import CLASSIFIER_PRESETS

FLAGS = flags.FLAGS
command_line.preset_flag(CLASSIFIER_PRESETS)
command_line.define_flags(
    ClassifierConfig,
    left_out=(
        *("frame_labels", "prior_exponent", "priors", "seed", "weak_labels", "start_from", "trained_layers"),
        *("time_scale", "random_padding", "random_crop", "reversed_share"),
    ),
)
command_line.define_flags(AudioSet2017Config)


def main() -> None:
    command_line.require_flags("data", "eval_data", "output", "seeds")
    base = CLASSIFIER_PRESETS[FLAGS.preset]() if FLAGS.preset else ClassifierConfig()
    refined = dataclasses.replace(base, labels=LabelConfig(frame_labels="refined"))  # which --dropped_windows is about
    base = command_line.config_from_flags(refined)
    config = command_line.config_from_flags(AudioSet2017Config())
    from audioset_triplet.studies.audioset2017 import study  # here: TensorFlow takes seconds to load

    with contextlib.nullcontext() if config.dry_run else command_line.writing("output"):
        print(study.run(config, base))


if __name__ == "__main__":
    command_line.run(main)
