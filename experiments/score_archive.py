r"""Detects the classes of a head in an archive: events with start, end and score, at the precision that is asked for.

  python -m experiments.score_archive --workdir=labels --embeddings=DIR --precision=0.9 --output=detections
  python -m experiments.score_archive --head=head --embeddings=DIR --threshold=0.5 --output=detections

The head is that of experiments.train_head (--head), or is trained now on the ratings of --workdir. Every window of the
store is scored; the scores stay in OUTPUT/scores, for experiments.ask and others. Windows at or above the threshold
that follow each other (--max_gap_seconds) are one event, whose score is the largest of its windows. The threshold of a
class is the lowest at which its events, and their windows too, reach --precision; a class that does not reach it is
named and left out.

OUTPUT has detections.csv and detections.parquet, a label track for Audacity (audacity/) and a selection table for Raven
(raven/) of each clip with an event, head.npz, results.json and report.html. The same command goes on after a stop, and
scores only what is new; with another --precision the events are made anew.

All cores of the machine work, part by part of the store; --runner chooses a cluster instead, and its options follow
after --.
"""

from typing import List

from absl import flags

from audioset_triplet import command_line, results
from audioset_triplet.config.detection import DetectionConfig, RatedHeadConfig
from audioset_triplet.config.runners import RunnerConfig

FLAGS = flags.FLAGS
flags.DEFINE_string("embeddings", "", "Folder of embeddings that experiments.embed wrote: the archive.")
flags.DEFINE_string("head", "", "Head that experiments.train_head wrote: its folder, or head.npz.")
flags.DEFINE_string("workdir", "", "In place of --head: folder of the annotation log whose ratings it learns from.")
flags.DEFINE_string("output", "", "Folder for the detections, the scores and the report.")
command_line.define_flags(RatedHeadConfig)
command_line.define_flags(DetectionConfig)
command_line.define_flags(RunnerConfig)


def main(beam_options: List[str]) -> None:
    command_line.require_flags("embeddings", "output")
    learned = command_line.config_from_flags(RatedHeadConfig())
    config = command_line.config_from_flags(DetectionConfig())
    runner = command_line.config_from_flags(RunnerConfig())
    from audioset_triplet.detection import archive_detections, archive_scores, rated_head
    from audioset_triplet.reports import rated_head_page
    from audioset_triplet.store import heads

    with command_line.writing("output"):
        trained = rated_head.given(FLAGS.head, FLAGS.workdir, FLAGS.embeddings, learned)
        head_path = heads.path_in(FLAGS.output)
        heads.write(head_path, trained.head)
        where = archive_scores.at(FLAGS.output, runner, beam_options)
        detected = archive_detections.detect(
            trained.head, head_path, FLAGS.embeddings, FLAGS.output, where, learned, config
        )
        asked = rated_head_page.Asked(learned.precision, learned.confidence, config.threshold)
        rows = {name: rated_head_page.Row(one.num_events, one.seconds) for name, one in detected.found.items()}
        report = rated_head_page.report(trained.head, detected.qualities, asked, trained.about, rows)
        results.write(FLAGS.output, detected.numbers(), **rated_head.about(trained.head))
        report.write(FLAGS.output)
    for line in [*trained.about, *detected.in_words()]:
        print(line)
    print(f"{report.headline}: wrote {FLAGS.output}/detections.csv, audacity/, raven/ and report.html")


if __name__ == "__main__":
    command_line.run_passing_on(main)
