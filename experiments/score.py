"""Scores clips by a trained classifier.

  python -m experiments.score --workdir=runs/classifier --data='records/*.tfrecord' --folds=4 --output=scores

--workdir is one of train_classifier, or of stage 4 of train_coincidence. OUTPUT/scores.parquet has the score of every
clip for every class, and which of them are its labels; OUTPUT/results.json the metrics of experiments.evaluate
--task=classification, where clips have labels.

All cores of the machine work, or all of its GPUs, one process each, file by file of the records; --runner chooses a
cluster instead, and its options follow after --. The same command goes on after a stop.
"""

from typing import List

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.runners import RunnerConfig

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", "", "Run directory of the classifier.")
flags.DEFINE_string("data", "", "TFRecords of the clips (globs, separated by commas).")
flags.DEFINE_list("folds", [], "Only clips of these folds, e.g. 4. Empty: all clips.")
flags.DEFINE_string("output", "", "Folder for scores.parquet and results.json.")
command_line.define_flags(RunnerConfig)


def main(beam_options: List[str]) -> None:
    command_line.require_flags("workdir", "data", "output")
    runner = command_line.config_from_flags(RunnerConfig())
    # After the flags: TensorFlow takes seconds to load.
    from audioset_triplet.evaluation import clip_scoring
    from audioset_triplet.reports import classifier_report

    with command_line.writing("output"):
        where = clip_scoring.at(FLAGS.output, runner, beam_options)
        scores = clip_scoring.score(FLAGS.workdir, FLAGS.data, command_line.integers("folds"), where)
        print(classifier_report.write_of_run(FLAGS.output, scores, FLAGS.workdir))


if __name__ == "__main__":
    command_line.run_passing_on(main)
