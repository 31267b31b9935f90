"""Reads AudioSet's feature records into a folder of embeddings, which experiments.evaluate measures like any other.

Features as AudioSet released them; give the train and the eval split folders of their own, or folds in one folder:

  python -m experiments.import_features --features='audioset_v1_embeddings/eval/*.tfrecord' --output=eval
      --model_id=audioset-v1 --class_labels=class_labels_indices.csv [--fold=2]

Features that experiments.embed --format=tfrecord wrote, which contain all of that:

  python -m experiments.import_features --features='features/*.tfrecord' --output=embeddings

--clips_of=EMBEDDINGS imports only the clips of that folder, for evaluate --compare. Frame-level records of YouTube-8M
are read too, and float features in place of 8-bit ones. Windows are scaled to unit length. A stopped run is resumed; a
damaged record ends it, in one line that names the file and the record.
"""

import sys
import time

from absl import flags

from audioset_triplet import command_line, labels
from audioset_triplet.errors import UserError
from audioset_triplet.plurals import counted
from audioset_triplet.records import schema

FLAGS = flags.FLAGS
flags.DEFINE_string("features", "", "Feature records of one model: a glob, or several separated by commas.")
flags.DEFINE_string("output", "", "Folder of the embeddings; one that holds some of the same model is continued.")
flags.DEFINE_string(
    "model_id", "", "Name of the model that computed them, such as audioset-v1, if features.json does not name it."
)
flags.DEFINE_string("class_labels", "", "class_labels_indices.csv, for the names of the classes. Empty: their numbers.")
flags.DEFINE_string("clips_of", "", "Only the clips that this folder of embeddings holds too. Empty: all.")
flags.DEFINE_integer("fold", schema.NO_FOLD, "Fold of all these clips; -1: none.", lower_bound=-1)


def main() -> None:
    command_line.require_flags("features", "output")
    # After the flags: TensorFlow takes seconds to load.
    from audioset_triplet.records import globs
    from audioset_triplet.store import feature_import, stored_clips

    files = globs.expand(FLAGS.features)
    vocabulary = labels.read_vocabulary(FLAGS.class_labels) if FLAGS.class_labels else None
    additions = feature_import.Additions(FLAGS.model_id, vocabulary, FLAGS.fold)
    started = time.monotonic()
    clip_ids = set(stored_clips.read_clips(FLAGS.clips_of).clip_ids) if FLAGS.clips_of else None
    totals = feature_import.import_features(files, additions, FLAGS.output, clip_ids)
    elapsed = time.monotonic() - started

    if FLAGS.model_id and not vocabulary:
        print("class names are numbers: give --class_labels", file=sys.stderr)
    if totals.num_zero_windows:
        print(f"{totals.num_zero_windows} all-zero windows left out: they have no direction", file=sys.stderr)
    if totals.clips_left_out:
        examples = ", ".join(totals.clips_left_out[:5])
        print(
            f"{counted(len(totals.clips_left_out), 'clip')} left out, all windows of which are zero: {examples}",
            file=sys.stderr,
        )
    if not totals.num_clips + totals.num_skipped:
        num_clips = totals.num_not_selected + len(totals.clips_left_out)
        raise UserError(f"{FLAGS.features}: none of {counted(num_clips, 'clip')} could be used.")
    print(
        f"{FLAGS.output}: {counted(totals.num_clips, 'clip')}, {counted(totals.num_windows, 'window')} in "
        f"{elapsed:.1f} s; {counted(totals.num_skipped, 'clip was', 'clips were')} imported before, "
        f"{totals.num_not_selected} are not in --clips_of"
    )


if __name__ == "__main__":
    command_line.run(main, writes="output")
