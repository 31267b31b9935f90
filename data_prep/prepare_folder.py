r"""Turns any folder of audio files into TFRecords.

    python -m data_prep.prepare_folder --source=audio --output=records

takes every audio file below the folder, in any format, rate and length: files, also with .gz after their names, and the
members of .tar archives and PANNs' HDF5 packs. The folder may be at gs://, s3:// or hdfs://, or be a single archive.
Files are cut into clips of ten seconds, named PATH@0, PATH@10000 and so on (milliseconds); the last one may be shorter.
For hours of audio set --num_shards. A file that is no longer than a clip keeps its path as its id. Records are 16 kHz
mono, unless --sample_rate_hz and --channels say otherwise. Damaged files are left out as a whole and listed in
rejects.csv.

Labels are the folders just below --source (of archives: the folders in them), or come from a table:

    python -m data_prep.prepare_folder --source=FSD50K.dev_audio --labels=dev.csv --file_column=fname --output=records

which names files by their path below --source or by their name, with or without extension. Its rows are the list to
prepare, and its names are the ids. A row without a file counts as missing; a file without a row is left out. Published
folds, numbered from 1, are in its --fold_column.

All clips of a recording are in one fold, chosen by a digest of the recording's id: new files move no others. Every file
is one recording, unless --recording extracts the recording from the path: --recording='([^/_]+)_[^/]*$' takes the part
of the file's name before the first underscore.
"""

from typing import Optional

from absl import flags

from data_prep import folder_flags, program
from data_prep.config import FramesConfig
from data_prep.plan import ClipList

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(program)
flags.adopt_module_key_flags(folder_flags)
flags.DEFINE_string("source", "", "Folder to search, to any depth, or a .tar archive or (audio only) HDF5 pack.")
flags.DEFINE_float("clip_seconds", 10.0, "Cut files into clips of this length; 0: a file is one clip.")


def list_clips(frames: Optional[FramesConfig] = None) -> ClipList:
    """The clips that the flags describe; with `frames`, clips of videos with images."""
    return folder_flags.list_clips(FLAGS.clip_seconds, frames)


if __name__ == "__main__":
    program.run(list_clips)
