r"""Turns the scenes of DCASE 2013, as they are downloaded, into TFRecords.

    python -m data_prep.prepare_dcase2013 --public=scenes_stereo --private=scenes_stereo_testset --output=records

writes the public set as fold 1 and the private set as fold 2, to train on one and test on the other. With

    python -m data_prep.prepare_dcase2013 --private=scenes_stereo_testset --key=dcase2013_task1_filenamekey.csv \
        --output=records

the private set is in the five folds of the challenge. A record is 30 s of 16 kHz mono (or --sample_rate_hz and
--channels) with its class and fold. Both sets use the same file names, so the ids are public-bus01 and private-bus01.
Clips that cannot be used are counted, and listed in rejects.csv.
"""

from absl import flags

from audioset_triplet import command_line
from data_prep import dcase2013, program
from data_prep.plan import ClipList

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(program)
flags.DEFINE_string("public", "", "The folder of the public set (scenes_stereo.zip).")
flags.DEFINE_string("private", "", "The folder of the private set (scenes_stereo_testset.zip).")
flags.DEFINE_string("key", "", "The challenge's folds of the private set (dcase2013_task1_filenamekey.csv).")
flags.DEFINE_list("folds", [], "Only these folds, e.g. 1. Empty: all.")


def list_clips() -> ClipList:
    return dcase2013.clips(FLAGS.public, FLAGS.private, FLAGS.key, command_line.integers("folds"))


if __name__ == "__main__":
    program.run(list_clips)
