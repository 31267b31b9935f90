r"""Turns any folder of sounds into TFRecords.

    python -m data_prep.prepare_folder --source=sounds --output=records

takes every sound below the folder, in any format, rate and length: files, also with .gz behind their names, and what is
in .tar archives and in PANNs' HDF5 packs. The folder may lie at gs://, s3:// or hdfs://, or be a single archive. Sounds
are cut into clips of ten seconds, PATH@0, PATH@10000 and so on (milliseconds), of which a last one may be shorter; for
hours of them give --num_shards. A sound that is no longer than a clip keeps its path as its name. Damaged sounds are
left out as a whole and listed in rejects.csv.

Labels are the folders just below --source (of archives: the folders in them), or stand in a table:

    python -m data_prep.prepare_folder --source=FSD50K.dev_audio --labels=dev.csv --file_column=fname --output=records

which names files by their path below --source or by their name, with or without extension. Its rows are the list that
is prepared, under the names that stand there: a row without a file counts as missing, a file without a row is left out.
Published folds, numbered from 1, are those of its --fold_column.

All clips of a recording are in one fold, that of a digest of the recording's name: adding sounds moves none. A file is
a recording of its own, unless --recording finds the recording in its name: --recording='([^/_]+)_[^/]*$' takes what
comes before the first underscore of the file's name.
"""

import pathlib
from typing import Optional

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.errors import UserError
from data_prep import folder, program
from data_prep.config import FramesConfig
from data_prep.plan import ClipList

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(program)
flags.DEFINE_string("source", "", "Folder to search, to any depth, or a .tar archive (of sounds: or HDF5 pack).")
flags.DEFINE_string("labels", folder.FROM_FOLDERS, "folders: the folders below --source. none. Or a CSV file.")
flags.DEFINE_string("file_column", "filename", "Column of the CSV file that names the files.")
flags.DEFINE_string("labels_column", "labels", "Column of the CSV file with its labels.")
flags.DEFINE_string("label_separator", ",", "What stands between several labels in that column.")
flags.DEFINE_string("fold_column", "", "Column of the CSV file with the number of its fold. Empty: see --num_folds.")
flags.DEFINE_string("recording", "", "Regular expression: its group is the recording. Empty: every file is one.")
flags.DEFINE_float("clip_seconds", 10.0, "Cut recordings into clips of this length; 0: a clip is all of one.")
flags.DEFINE_integer("num_folds", 5, "Divide the recordings into so many folds, where no column has them; 0: none.")


def list_clips(frames: Optional[FramesConfig] = None) -> ClipList:
    """The clips that the flags describe; with `frames` those of videos, and with pictures."""
    command_line.require_flags("source", "labels", "label_separator")
    labels = FLAGS.labels
    made = folder.Clips(FLAGS.recording, FLAGS.clip_seconds, FLAGS.num_folds)
    if labels not in (folder.FROM_FOLDERS, folder.NO_LABELS):
        columns = (FLAGS.file_column, FLAGS.labels_column, FLAGS.label_separator, FLAGS.fold_column)
        labels = folder.LabelTable(pathlib.Path(labels), *columns)
    elif FLAGS.fold_column:
        raise UserError(f"--fold_column={FLAGS.fold_column} needs a CSV file in --labels.")
    return folder.clips(FLAGS.source, labels, made, frames)


if __name__ == "__main__":
    program.run(list_clips)
