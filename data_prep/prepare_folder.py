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

All clips of a recording are in one fold, that of a digest of the recording's name: adding sounds moves none. A file is
a recording of its own, unless --recording finds the recording in its name: --recording='([^/_]+)_[^/]*$' takes what
comes before the first underscore of the file's name.
"""

import pathlib

from absl import flags

from audioset_triplet import command_line
from data_prep import folder, program
from data_prep.plan import ClipList

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(program)
flags.DEFINE_string("source", "", "Folder of the sounds, to any depth, or a .tar archive or HDF5 pack.")
flags.DEFINE_string("labels", folder.FROM_FOLDERS, "folders: the folders below --source. none. Or a CSV file.")
flags.DEFINE_string("file_column", "filename", "Column of the CSV file that names the sound file.")
flags.DEFINE_string("labels_column", "labels", "Column of the CSV file with its labels.")
flags.DEFINE_string("label_separator", ",", "What stands between several labels in that column.")
flags.DEFINE_string("recording", "", "Regular expression: its group is the recording. Empty: every file is one.")
flags.DEFINE_float("clip_seconds", 10.0, "Cut sounds into clips of this length; 0: a clip is a whole sound.")
flags.DEFINE_integer("num_folds", 5, "Divide the recordings into so many folds; 0: no folds.")


def list_clips() -> ClipList:
    command_line.require_flags("source", "labels", "label_separator")
    labels = FLAGS.labels
    if labels not in (folder.FROM_FOLDERS, folder.NO_LABELS):
        path = pathlib.Path(FLAGS.labels)
        labels = folder.LabelTable(path, FLAGS.file_column, FLAGS.labels_column, FLAGS.label_separator)
    return folder.clips(FLAGS.source, labels, folder.Clips(FLAGS.recording, FLAGS.clip_seconds, FLAGS.num_folds))


if __name__ == "__main__":
    program.run(list_clips)
