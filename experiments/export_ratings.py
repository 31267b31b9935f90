"""Writes what the votes of an annotation log decide: ratings, or labels of clips to learn from.

  python -m experiments.export_ratings --workdir=labels --output=ratings.tsv
  python -m experiments.export_ratings --workdir=labels --votes=2 --experts=anna --output=ratings.parquet
  python -m experiments.export_ratings --workdir=labels --what=weak_labels --output=weak_labels.csv

The first rating with --votes equal votes decides, in the order present, unsure, not present, not acoustic; the latest
vote of an expert overrides them. A label that a rater adds is a vote for present.

  ratings      the columns of AudioSet's framed ratings, for experiments.evaluate --ratings. It says how far raters
               agree (percent and Krippendorff's alpha) and how each answers gold questions.
  weak_labels  the labels that are present in a clip or in an interval of it, and the clips that have none of the
               classes, for experiments.train_classifier and train_coincidence --weak_labels.
"""

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.voting import ExportConfig

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", "", "Folder of the annotation log.")
flags.DEFINE_string("output", "", "File to write. Ratings: TSV, CSV or Parquet, by its name. Weak labels: CSV.")
command_line.define_flags(ExportConfig)


def main() -> None:
    command_line.require_flags("workdir", "output")
    config = command_line.config_from_flags(ExportConfig())
    from audioset_triplet.labelling import rated_clips, rating_export

    if config.what == "weak_labels":
        print(rated_clips.export(FLAGS.workdir, FLAGS.output, config))
    else:
        print(rating_export.export(FLAGS.workdir, FLAGS.output, config.voting))


if __name__ == "__main__":
    command_line.run(main)
