"""Turns an ESC-50 folder, as it is downloaded, into TFRecords.

    python -m data_prep.prepare_esc50 --source=ESC-50-master --output=records/esc50

reads meta/esc50.csv and the files that it names in audio/ (WAV, FLAC, OGG, ..., any rate, any number of channels) and
writes records/esc50/fold1-00000-of-00002.tfrecord and so on: a record per clip, 5 s of 16 kHz mono, with the clip's
class, fold and original Freesound recording. Clips that cannot be used are counted, and listed in rejects.csv.
"""

import pathlib
import sys
import time

from absl import flags

from audioset_triplet import command_line
from data_prep import clip_writer, esc50

FLAGS = flags.FLAGS
flags.DEFINE_string("source", "", "The ESC-50 folder (with meta/ and audio/ in it), or the folder around it.")
flags.DEFINE_string("output", "", "Folder for the records.")
flags.DEFINE_list("folds", [], "Only these folds, e.g. 1,2,3. Empty: all.")
flags.DEFINE_enum("subset", "all", ["all", "esc10"], "esc10: the ten classes of ESC-10, with their ESC-50 numbers.")
flags.DEFINE_enum(
    "audio", "pcm", list(clip_writer.AUDIO_CHOICES), "Samples, or the files' own bytes (smaller, slower to read)."
)
flags.DEFINE_integer("num_shards", 2, "Files per fold.", lower_bound=1)

NUM_NAMED_REJECTS = 5


def main() -> None:
    command_line.require_flags("source", "output")
    started = time.monotonic()
    folds = command_line.integers("folds")
    output = pathlib.Path(FLAGS.output)
    summary = esc50.prepare(pathlib.Path(FLAGS.source), output, folds, FLAGS.subset, FLAGS.audio, FLAGS.num_shards)
    if summary.rejects:
        for reject in summary.rejects[:NUM_NAMED_REJECTS]:
            print(f"rejected: {reject.message}", file=sys.stderr)
        reasons = clip_writer.count_reasons(summary.rejects)
        print(f"rejected {len(summary.rejects)} clips ({reasons}): see {output / 'rejects.csv'}", file=sys.stderr)
    print(
        f"{summary.num_clips} clips, {summary.hours:.2f} hours, {len(summary.rejects)} rejected, "
        f"{time.monotonic() - started:.1f} s -> {output} ({len(summary.files)} files)"
    )


if __name__ == "__main__":
    command_line.run(main)
