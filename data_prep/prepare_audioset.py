r"""Turns a copy of AudioSet's sound, however incomplete, into TFRecords.

    python -m data_prep.prepare_audioset --segments=balanced_train_segments.csv \
        --class_labels=class_labels_indices.csv --source=audio --output=records/balanced_train --num_shards=16

finds the segments of the list in the folder, to any depth, in any sound format and under any of the names in use
(Y<id>.wav, <id>_30000_40000.flac, <id>_30.000_40.000.wav, <id>_30-40.wav, <id>_30.wav, <id>.flac, ...), and writes a
record per segment: 16 kHz mono, as long as the list says, with its classes and video. Run it once for each list, with
an --output of its own. With --ontology=ontology.json a clip has the classes above its own, too: a dog is an animal.
Segments without a file, and files that cannot be used, are counted and listed in rejects.csv.
"""

import pathlib
import time

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config import RecordsConfig
from data_prep import audioset, clip_writer

FLAGS = flags.FLAGS
flags.DEFINE_string("segments", "", "The list, such as balanced_train_segments.csv, in any of its dialects.")
flags.DEFINE_string("class_labels", "", "class_labels_indices.csv.")
flags.DEFINE_string("ontology", "", "ontology.json: give clips the classes above theirs, too. Empty: as listed.")
flags.DEFINE_string("source", "", "Folder of the sound files.")
flags.DEFINE_string("output", "", "Folder for the records.")
command_line.define_flags(RecordsConfig)


def main() -> None:
    command_line.require_flags("segments", "class_labels", "source", "output")
    started, source, output = time.monotonic(), pathlib.Path(FLAGS.source), pathlib.Path(FLAGS.output)
    config = command_line.config_from_flags(RecordsConfig())
    summary = audioset.prepare(FLAGS.segments, FLAGS.class_labels, FLAGS.ontology, source, output, config)
    clip_writer.report(summary, output, time.monotonic() - started)


if __name__ == "__main__":
    command_line.run(main)
