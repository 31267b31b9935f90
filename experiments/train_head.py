r"""Trains a head on the ratings of an annotation log and stored embeddings, in seconds, and says how good it is.

  python -m experiments.train_head --workdir=labels --embeddings=DIR --output=head

A rated interval has the windows that lie in it. For each class that is rated present and not present there is a binary
classifier (--classifier); a pair that nobody rated has no loss. The quality is that of a cross-validation that keeps
recordings together. OUTPUT/head.npz is for experiments.score_archive and experiments.ask --head; OUTPUT/results.json
and OUTPUT/report.html say for each class the average precision, the scores of present and not present, and the
precision at thresholds.
"""

from absl import flags

from audioset_triplet import command_line, results
from audioset_triplet.config.detection import RatedHeadConfig

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", "", "Folder of the annotation log.")
flags.DEFINE_string("embeddings", "", "Folder of embeddings that experiments.embed wrote.")
flags.DEFINE_string("output", "", "Folder for head.npz, results.json and report.html.")
command_line.define_flags(RatedHeadConfig)


def main() -> None:
    command_line.require_flags("workdir", "embeddings", "output")
    config = command_line.config_from_flags(RatedHeadConfig())
    from audioset_triplet.detection import rated_head
    from audioset_triplet.reports import rated_head_page
    from audioset_triplet.store import heads

    trained = rated_head.of_workdir(FLAGS.workdir, FLAGS.embeddings, config)
    qualities = rated_head.quality(trained.head, config)
    asked = rated_head_page.Asked(config.precision, config.confidence)
    report = rated_head_page.report(trained.head, qualities, asked, trained.about)
    heads.write(heads.path_in(FLAGS.output), trained.head)
    results.write(FLAGS.output, rated_head.numbers(qualities), **rated_head.about(trained.head))
    report.write(FLAGS.output)
    for line in [*trained.about, *rated_head.in_words(qualities)]:
        print(line)
    print(f"wrote {FLAGS.output}/head.npz, results.json and report.html")


if __name__ == "__main__":
    command_line.run(main, writes="output")
