"""Turns an ESC-50 folder, as it is downloaded, into TFRecords.

    python -m data_prep.prepare_esc50 --source=ESC-50-master --output=records

reads meta/esc50.csv and the files that it names in audio/ (WAV, FLAC, OGG, ..., any rate, any number of channels) and
writes records/fold1-00000-of-00002.tfrecord and so on: a record per clip, 5 s of 16 kHz mono (or --sample_rate_hz
and --channels), with its class, fold and Freesound recording. Clips that cannot be used are counted, and listed in
rejects.csv.
"""

import pathlib

from absl import flags

from audioset_triplet import command_line
from data_prep import esc50, program
from data_prep.plan import ClipList

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(program)
flags.DEFINE_string("source", "", "The ESC-50 folder (with meta/ and audio/ in it), or the folder around it.")
flags.DEFINE_list("folds", [], "Only these folds, e.g. 1,2,3. Empty: all.")
flags.DEFINE_enum("subset", "all", ["all", "esc10"], "esc10: the ten classes of ESC-10, with their ESC-50 numbers.")


def list_clips() -> ClipList:
    command_line.require_flags("source")
    return esc50.clips(pathlib.Path(FLAGS.source), command_line.integers("folds"), FLAGS.subset)


if __name__ == "__main__":
    program.run(list_clips)
