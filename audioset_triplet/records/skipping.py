"""Records as training reads them: damaged ones are skipped and reported, and several readers share the files.

TensorFlow reads the files; only after damage, where it gives a file up, does Python read on (`scanning.frames`).
"""

import sys
import threading
from typing import Callable, Dict, Iterator, Optional, Sequence, Set, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet.records import parsing, reading, scanning

_GROUP = 4  # records that are counted together; so many more of each file are in memory


def say(line: str) -> None:
    """One line on stderr."""
    print(line, file=sys.stderr, flush=True)


class SkippedRecords:
    """The damaged records of a list of files that were skipped while it was read, each reported once."""

    def __init__(self, files: Sequence[str], report: Callable[[str], None] = say) -> None:
        """
        Args:
            files: the list.
            report: gets "FILE: record N: DAMAGE" when a damaged record is met, from the threads that read.
        """
        self._files, self._report = list(files), report
        self._stops: Dict[int, Tuple[int, int]] = {}  # file -> the record and the byte at which TensorFlow stopped
        self._skipped: Set[Tuple[int, int]] = set()
        self._lock = threading.Lock()

    @property
    def count(self) -> int:
        """How many were skipped so far."""
        return len(self._skipped)

    def require_file(self, file: int) -> None:
        """Raises what opening a file does."""
        with tf.io.gfile.GFile(self._files[int(file)], "rb") as opened:
            opened.read(1)

    def note_stop(self, file: int, index: int, offset: int) -> None:
        """TensorFlow has read a file up to a record and a byte, and sees no more: at the end, or at damage."""
        self._stops[int(file)] = (int(index), int(offset))

    def rest(self, file: int) -> Iterator[Tuple[bytes, int]]:
        """The undamaged records after that stop, each with its number: none where it is the end of the file."""
        index, offset = self._stops[int(file)]
        for frame in scanning.frames(self._files[file], index, offset):
            if frame.damage:
                self._skip(int(file), frame)
            else:
                yield frame.data, frame.index

    def _skip(self, file: int, frame: scanning.Frame) -> None:
        with self._lock:
            is_new = (file, frame.index) not in self._skipped
            self._skipped.add((file, frame.index))
        if is_new:
            self._report(f"{self._files[file]}: record {frame.index}: {frame.damage}")


@tf.autograph.experimental.do_not_convert
def read_clips(
    files: Sequence[str],
    folds: Sequence[int],
    deterministic: bool,
    skipped: Optional[SkippedRecords] = None,
    shard: Tuple[int, int] = (1, 0),
    with_frames: bool = False,
    num_channels: int = 1,
) -> tf.data.Dataset:
    """As `reading.read_clips`, of one of several readers, and without damaged records.

    Args:
        files: paths, as from `globs.expand`.
        folds: only clips of these; empty: all.
        deterministic: the same order in every run.
        skipped: notes the damaged records of `files`, for which the dataset has to be read in this process. None: they
            are a DataLossError.
        shard: (n, i): of n readers this is reader i, who reads every n-th file, or where there are fewer files than
            readers every n-th record of each.
        with_frames: clips have their images too (`parsing.parse_audiovisual_clip`).
        num_channels: of the records.
    """

    def records_of(path: tf.Tensor, number: tf.Tensor) -> tf.data.Dataset:
        if skipped is None:
            records = tf.data.TFRecordDataset(path)
        else:
            records = numbered_records(path, number, skipped).map(lambda record, index: record)
        return records if by_file else records.shard(num_readers, reader)

    parse = parsing.parse_audiovisual_clip if with_frames else parsing.parse_clip
    num_readers, reader = shard
    by_file = num_readers <= len(files)
    numbered = numbered_files(files)
    if by_file:
        numbered = numbered.shard(num_readers, reader)
    records = reading.interleaved(numbered, records_of, len(files), deterministic)
    clips = records.map(
        lambda record: parse(record, num_channels),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=deterministic,
    )
    return reading.only_folds(clips, folds)


def numbered_files(files: Sequence[str]) -> tf.data.Dataset:
    """Paths, string [], and their numbers, int64 []."""
    return tf.data.Dataset.from_tensor_slices((list(files), np.arange(len(files), dtype=np.int64)))


def numbered_records(path: tf.Tensor, number: tf.Tensor, skipped: SkippedRecords) -> tf.data.Dataset:
    """The undamaged records of a file: serialized, string [], and their numbers, int64 []."""

    def checked() -> tf.Tensor:
        # The error of a file that cannot be opened would be ignored below for ever: TensorFlow tries again each time.
        with tf.control_dependencies([tf.py_function(skipped.require_file, [number], [])]):
            return tf.identity(path)

    # Some records at a time: to count each by itself takes as long as to read it. After damage TensorFlow's reader goes
    # on with the next dataset, `end`, which arrives either way; what it had read of a group comes again in `rest`.
    end = tf.data.Dataset.from_tensors(tf.constant([], tf.string))
    groups = tf.data.TFRecordDataset(checked()).batch(_GROUP).concatenate(end).ignore_errors()

    def count(state: Tuple[tf.Tensor, tf.Tensor], records: tf.Tensor) -> tuple:
        index, offset = state
        num_records = tf.size(records, tf.int64)
        num_bytes = tf.reduce_sum(tf.cast(tf.strings.length(records), tf.int64) + scanning.FRAME_BYTES)

        def noted() -> tf.Tensor:
            with tf.control_dependencies([tf.py_function(skipped.note_stop, [number, index, offset], [])]):
                return tf.identity(index)

        first = tf.cond(num_records > 0, lambda: tf.identity(index), noted)
        indices = first + tf.range(num_records)
        return (index + num_records, offset + num_bytes), (records, indices)

    zero = tf.constant(0, tf.int64)
    counted = groups.scan((zero, zero), count).unbatch()
    rest = tf.data.Dataset.from_generator(
        skipped.rest,
        output_signature=(tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int64)),
        args=(number,),
    )
    return counted.concatenate(rest)
