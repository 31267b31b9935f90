"""Turns an UrbanSound8K folder, as it is downloaded, into TFRecords.

    python -m data_prep.prepare_urbansound8k --source=UrbanSound8K --output=records

reads metadata/UrbanSound8K.csv (or UrbanSound8K.csv) and the files that it names in audio/fold1 to audio/fold10, of any
rate and number of channels, and writes records/fold1-00000-of-00002.tfrecord and so on: a record per slice, at most 4 s
of 16 kHz mono (or --sample_rate_hz and --channels), with its class, official fold and Freesound recording. Clips that
cannot be used are counted, and listed in rejects.csv.
"""

import pathlib

from absl import flags

from audioset_triplet import command_line
from data_prep import program, urbansound8k
from data_prep.plan import ClipList

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(program)
flags.DEFINE_string("source", "", "The UrbanSound8K folder (with metadata/ and audio/ in it), or the folder around it.")
flags.DEFINE_list("folds", [], "Only these folds, e.g. 1,2,3. Empty: all ten.")


def list_clips() -> ClipList:
    command_line.require_flags("source")
    return urbansound8k.clips(pathlib.Path(FLAGS.source), command_line.integers("folds"))


if __name__ == "__main__":
    program.run(list_clips)
