r"""Writes questions for the rating page: the clips or windows that a classifier, a clustering or a list points at.

  python -m experiments.ask --source=top --scores=scores --labels=Bark,Howl --per_class=50 --output=questions.csv
  python -m experiments.ask --source=uncertain --scores=scores --workdir=labels --budget=200 --output=questions.csv
  python -m experiments.ask --source=top --head=head --embeddings=DIR --workdir=labels --output=questions.csv
  python -m experiments.ask --source=cluster --assignments=clip-clusters --budget=100 --output=questions.csv
  python -m experiments.label --workdir=labels --audio=FOLDER --questions=questions.csv

--source says what chooses. By scores each class gets --per_class rows; --budget takes the first row of every class,
then the second, and so on. What the log of --workdir has asked is not asked again. OUTPUT is CSV, or Parquet where its
name ends in .parquet.
"""

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.asking import AskConfig
from audioset_triplet.plurals import counted

FLAGS = flags.FLAGS
flags.DEFINE_string("output", "", "File for the questions.")
command_line.define_flags(AskConfig)


def main() -> None:
    command_line.require_flags("output")
    config = command_line.config_from_flags(AskConfig())
    from audioset_triplet.labelling import asking
    from audioset_triplet.store import questions

    asked = asking.ask(config)
    questions.write(FLAGS.output, asked)
    print(f"{FLAGS.output}: {counted(len(asked), 'question')} about {counted(len(set(asked.clip_ids)), 'clip')}")


if __name__ == "__main__":
    command_line.run(main)
