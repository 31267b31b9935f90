r"""Turns a copy of AudioSet, however incomplete, into TFRecords.

    python -m data_prep.prepare_audioset --segments=balanced_train_segments.csv \
        --class_labels=class_labels_indices.csv --source=audio --output=records

searches the folder, to any depth, for the segments of the list, in any audio format and under any of the usual names
(Y<id>.wav, <id>_30000_40000.flac, <id>_30.000_40.000.wav, <id>_30-40.wav, <id>_30.wav, <id>.flac, ...). It writes a
record per segment: as long as listed, 16 kHz mono (or --sample_rate_hz and --channels), with its classes and video.
Each of several lists gets separate files of records. Audio files may also be packed with gzip (.wav.gz), in .tar
archives (not compressed) or in PANNs' HDF5 packs. The folder may be at gs://, s3:// or hdfs://, or be a single archive
or pack. With --ontology=ontology.json clips get the ancestors of their classes too: a dog is an animal. Segments
without a file, and files that cannot be used, are counted and listed in rejects.csv.
"""

from absl import flags

from audioset_triplet import command_line
from data_prep import audioset, program
from data_prep.plan import ClipList

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(program)
flags.DEFINE_list("segments", [], "The lists, such as balanced_train_segments.csv,eval_segments.csv.")
flags.DEFINE_string("class_labels", "", "class_labels_indices.csv.")
flags.DEFINE_string("ontology", "", "ontology.json: clips get the ancestors of their classes too. Empty: as listed.")
flags.DEFINE_string("source", "", "Folder of the audio files, to any depth, or a .tar archive or HDF5 pack.")


def list_clips() -> ClipList:
    command_line.require_flags("segments", "class_labels", "source")
    return audioset.clips(FLAGS.segments, FLAGS.class_labels, FLAGS.ontology, FLAGS.source)


if __name__ == "__main__":
    program.run(list_clips)
