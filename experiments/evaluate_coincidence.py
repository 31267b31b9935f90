r"""Evaluates coincidence prediction by a stage of experiments.train_coincidence on held-out recordings.

  python -m experiments.evaluate_coincidence --workdir=run/stage2 --data='records/*.tfrecord' --folds=4 --output=report

Draws examples from the clips and scores all pairs of them. Writes OUTPUT/results.json (coincidence/av/auc and so on,
also coincidence/aa/... if the stage learned pairs of two windows) and OUTPUT/report.html, with a reliability diagram
and, for videos, example queries with their images and audio.
"""

from absl import flags

from audioset_triplet import command_line, results
from audioset_triplet.config.evaluation import CoincidenceEvaluationConfig

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", "", "Folder of a stage: WORKDIR/stageN of experiments.train_coincidence.")
flags.DEFINE_string("data", "", "TFRecords to evaluate on: a glob, or several separated by commas.")
flags.DEFINE_string("output", "", "Folder for results.json and report.html.")
command_line.define_flags(CoincidenceEvaluationConfig)


def main() -> None:
    command_line.require_flags("workdir", "data", "output")
    config = command_line.config_from_flags(CoincidenceEvaluationConfig())
    # After the flags: TensorFlow takes seconds to load.
    from audioset_triplet.evaluation import coincidence
    from audioset_triplet.reports import coincidence_page

    result = coincidence.evaluate(config, FLAGS.workdir, FLAGS.data)
    report = coincidence_page.report(result)
    print(report.headline)
    results.write(FLAGS.output, result.numbers())
    report.write(FLAGS.output)
    print(f"wrote {FLAGS.output}/results.json and report.html")


if __name__ == "__main__":
    command_line.run(main, writes="output")
