r"""Refines weak labels: finds the windows of each clip that its labels belong to, by the scores of a classifier.

  python -m experiments.embed            --what=scores --model=models/first --input='records/*.tfrecord' --output=scores
  python -m experiments.refine_labels    --scores=scores --folds=1,2,3 --threshold=0.66 --output=refined
  python -m experiments.train_classifier --data='records/*.tfrecord' --folds=1,2,3 \
      --frame_labels=refined/frame_labels.parquet --workdir=runs/second

The score of each window for a label is divided by the largest in the clip; windows at or above --threshold keep the
label (the label refinement of AudioSet's talk, Saurous et al. 2017). The scores of the second classifier can be refined
again.

OUTPUT/frame_labels.parquet has a row per window and label of a clip, with the divided score and whether it is kept.
OUTPUT/results.json counts what is kept, for each class; OUTPUT/report.html shows it, and the clips that change most.

A label whose class the model does not know, or whose scores are all 0 in a clip, stays at every window and is counted.
Clips without labels have no rows.
"""

from absl import flags

from audioset_triplet import command_line, results
from audioset_triplet.config.refinement import RefinementConfig

FLAGS = flags.FLAGS
flags.DEFINE_string("scores", "", "Folder of window scores that experiments.embed --what=scores wrote.")
flags.DEFINE_list("folds", [], "Only clips of these folds, e.g. 1,2,3. Empty: all clips.")
flags.DEFINE_string("data", "", "TFRecords of the clips, for spectrograms and audio in the report; empty: none.")
flags.DEFINE_string("output", "", "Folder for frame_labels.parquet, results.json and report.html.")
command_line.define_flags(RefinementConfig)


def main() -> None:
    command_line.require_flags("scores", "output")
    config = command_line.config_from_flags(RefinementConfig())
    folds = command_line.integers("folds")
    from audioset_triplet.labelling import refinement
    from audioset_triplet.reports import evaluation_report, refinement_page

    evaluation_report.check_inputs(FLAGS.data)
    result = refinement.refine(FLAGS.scores, folds, config.threshold, FLAGS.output)
    report = refinement_page.report(result, FLAGS.data)
    print(report.headline)
    results.write(FLAGS.output, result.numbers(refinement_page.titles(result)), **result.about(), folds=folds)
    report.write(FLAGS.output)
    print(f"wrote {FLAGS.output}/frame_labels.parquet, results.json and report.html")


if __name__ == "__main__":
    command_line.run(main, writes="output")
