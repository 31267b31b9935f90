r"""Turns a copy of AudioSet's sound, however incomplete, into TFRecords.

    python -m data_prep.prepare_audioset --segments=balanced_train_segments.csv \
        --class_labels=class_labels_indices.csv --source=audio --output=records

finds the segments of the list in the folder, to any depth, in any sound format and under any of the names in use
(Y<id>.wav, <id>_30000_40000.flac, <id>_30.000_40.000.wav, <id>_30-40.wav, <id>_30.wav, <id>.flac, ...), and writes a
record per segment: 16 kHz mono, as long as the list says, with its classes and video; several lists may be named, each
of which gets files of its own. Sounds may also be packed with gzip (.wav.gz), lie in .tar archives (not compressed
ones) or in PANNs' HDF5 packs, and the folder may lie at gs://, s3:// or hdfs://, or be a single archive or pack. With
--ontology=ontology.json a clip has the classes above its own, too: a dog is an animal. Segments without a file, and
files that cannot be used, are counted and listed in rejects.csv.
"""

from absl import flags

from audioset_triplet import command_line
from data_prep import audioset, program
from data_prep.plan import ClipList

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(program)
flags.DEFINE_list("segments", [], "The lists, such as balanced_train_segments.csv,eval_segments.csv, in any dialect.")
flags.DEFINE_string("class_labels", "", "class_labels_indices.csv.")
flags.DEFINE_string("ontology", "", "ontology.json: give clips the classes above theirs, too. Empty: as listed.")
flags.DEFINE_string("source", "", "Folder of the sounds, to any depth, or a .tar archive or HDF5 pack.")


def list_clips() -> ClipList:
    command_line.require_flags("segments", "class_labels", "source")
    return audioset.clips(FLAGS.segments, FLAGS.class_labels, FLAGS.ontology, FLAGS.source)


if __name__ == "__main__":
    program.run(list_clips)
