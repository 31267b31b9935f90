"""Summarizes TFRecords of clips, and lists damaged records.

    python -m data_prep.inspect_tfrecords --data='records/*.tfrecord'

prints counts, durations, sample rates and channels, folds, a histogram of the labels, the names of silent clips, and
every damaged record with its file, its index and the reason. Files that hold something else are named. The exit code
is 1 if anything is damaged.
"""

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.errors import UserError
from audioset_triplet.plurals import counted

FLAGS = flags.FLAGS
flags.DEFINE_string("data", "", "TFRecords to read: a glob, or several separated by commas.")
flags.DEFINE_integer("limit", 20, "Silent clips, repeated ids and damaged records that are named.", lower_bound=0)


def main() -> None:
    command_line.require_flags("data")
    # After the flags: TensorFlow takes seconds to load.
    from audioset_triplet.records import globs
    from data_prep import record_report

    files = globs.expand(FLAGS.data)
    report = record_report.of_files(files)
    print(f"files      {len(files)}", *report.lines(FLAGS.limit), sep="\n")
    if report.foreign:
        raise UserError(f"{len(report.foreign)} of {len(files)} files hold no clips, the first: {report.foreign[0]}")
    if report.damaged:
        raise UserError(f"{len(report.damaged)} damaged records, the first: {report.damaged[0]}")
    if not report.seconds:
        raise UserError(f"--data={FLAGS.data}: no clips in {counted(len(files), 'file')}")


if __name__ == "__main__":
    command_line.run(main)
