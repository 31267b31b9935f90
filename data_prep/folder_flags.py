"""Shared by programs that read any labelled folder: the flags about its labels, recordings and folds.

The folder itself is the program's flag `--source`.
"""

import pathlib
from typing import Optional

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.errors import UserError
from data_prep import folder
from data_prep.config import FramesConfig
from data_prep.plan import ClipList

FLAGS = flags.FLAGS
flags.DEFINE_string("labels", folder.FROM_FOLDERS, "folders: the folders below --source. none. Or a CSV file.")
flags.DEFINE_string("file_column", "filename", "Column of the CSV file that names the files.")
flags.DEFINE_string("labels_column", "labels", "Column of the CSV file with its labels.")
flags.DEFINE_string("label_separator", ",", "Separator of several labels in that column.")
flags.DEFINE_string("fold_column", "", "Column of the CSV file with the number of its fold. Empty: see --num_folds.")
flags.DEFINE_string("recording", "", "Regular expression: its group is the recording. Empty: every file is one.")
flags.DEFINE_integer(
    "num_folds", 5, "Number of folds that recordings are divided into, without --fold_column; 0: none."
)


def list_clips(clip_seconds: float, frames: Optional[FramesConfig] = None) -> ClipList:
    """The clips that the flags describe, cut to a length; with `frames`, clips of videos with images."""
    command_line.require_flags("source", "labels", "label_separator")
    labels = FLAGS.labels
    rules = folder.ClipRules(FLAGS.recording, clip_seconds, FLAGS.num_folds)
    if labels not in (folder.FROM_FOLDERS, folder.NO_LABELS):
        columns = (FLAGS.file_column, FLAGS.labels_column, FLAGS.label_separator, FLAGS.fold_column)
        labels = folder.LabelTable(pathlib.Path(labels), *columns)
    elif FLAGS.fold_column:
        raise UserError(f"--fold_column={FLAGS.fold_column} needs a CSV file in --labels.")
    return folder.clips(FLAGS.source, labels, rules, frames)
