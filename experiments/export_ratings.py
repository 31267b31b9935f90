"""Writes the ratings that the votes of an annotation log decide, in the columns of AudioSet's framed ratings.

  python -m experiments.export_ratings --workdir=labels --output=ratings.tsv
  python -m experiments.export_ratings --workdir=labels --votes=2 --experts=anna --output=ratings.parquet

The first rating with --votes equal votes decides, in the order present, unsure, not present, not acoustic; the latest
vote of an expert overrides them. A label that a rater adds is a vote for present. It says how far raters agree (percent
and Krippendorff's alpha) and how each answers gold questions. experiments.evaluate --ratings reads the file.
"""

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.voting import VotingConfig

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", "", "Folder of the annotation log.")
flags.DEFINE_string("output", "", "File for the ratings: TSV, CSV or Parquet, by its name.")
command_line.define_flags(VotingConfig)


def main() -> None:
    command_line.require_flags("workdir", "output")
    config = command_line.config_from_flags(VotingConfig())
    from audioset_triplet.labelling import rating_export

    print(rating_export.export(FLAGS.workdir, FLAGS.output, config))


if __name__ == "__main__":
    command_line.run(main)
