"""Turns an UrbanSound8K folder, as it is downloaded, into TFRecords.

    python -m data_prep.prepare_urbansound8k --source=UrbanSound8K --output=records/urbansound8k

reads metadata/UrbanSound8K.csv (or UrbanSound8K.csv) and the files that it names in audio/fold1 to audio/fold10, of any
rate and number of channels, and writes records/urbansound8k/fold1-00000-of-00002.tfrecord and so on: a record per
slice, at most 4 s of 16 kHz mono, with its class, official fold and Freesound recording. Clips that cannot be used are
counted, and listed in rejects.csv.
"""

import pathlib
import time

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config import RecordsConfig
from data_prep import clip_writer, urbansound8k

FLAGS = flags.FLAGS
flags.DEFINE_string("source", "", "The UrbanSound8K folder (with metadata/ and audio/ in it), or the folder around it.")
flags.DEFINE_string("output", "", "Folder for the records.")
flags.DEFINE_list("folds", [], "Only these folds, e.g. 1,2,3. Empty: all ten.")
command_line.define_flags(RecordsConfig)


def main() -> None:
    command_line.require_flags("source", "output")
    started, source, output = time.monotonic(), pathlib.Path(FLAGS.source), pathlib.Path(FLAGS.output)
    config = command_line.config_from_flags(RecordsConfig())
    summary = urbansound8k.prepare(source, output, command_line.integers("folds"), config)
    clip_writer.report(summary, output, time.monotonic() - started)


if __name__ == "__main__":
    command_line.run(main)
