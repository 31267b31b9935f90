"""Records as training reads them: each with its place, by which it can be named, and damaged ones passed over.

A place is two numbers, of the file in a list of files and of the record in the file: unlike a name it can go wherever
tensors go. The files themselves are read by TensorFlow; only behind damage, where it gives a file up, does Python read
on (`records.frames`).
"""

import collections
import struct
import sys
import threading
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Set, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet.records import parsing, reading, schema


def say(line: str) -> None:
    """One line on stderr."""
    print(line, file=sys.stderr, flush=True)


class Damage:
    """The damaged records of a list of files that were passed over while it was read, each told once."""

    def __init__(self, files: Sequence[str], report: Callable[[str], None] = say) -> None:
        """
        Args:
            files: the list.
            report: is told "FILE: record N: what is wrong" as it is found, from the threads that read.
        """
        self._files, self._report = list(files), report
        self._given_up: Dict[int, Tuple[int, int]] = {}  # file -> the record and the byte at which TensorFlow stopped
        self._found: Set[Tuple[int, int]] = set()
        self._lock = threading.Lock()

    @property
    def count(self) -> int:
        """How many were found so far."""
        return len(self._found)

    def require_file(self, file: int) -> None:
        """Raises what opening a file does."""
        with tf.io.gfile.GFile(self._files[int(file)], "rb") as opened:
            opened.read(1)

    def note_end(self, file: int, index: int, offset: int) -> None:
        """TensorFlow has read a file up to a record and a byte, and sees no more: at the end, or at damage."""
        self._given_up[int(file)] = (int(index), int(offset))

    def rest(self, file: int) -> Iterator[Tuple[bytes, int]]:
        """The undamaged records behind that place, each with its number: none where it is the end of the file."""
        index, offset = self._given_up[int(file)]
        for frame in reading.frames(self._files[file], index, offset):
            if frame.damage:
                self._note(int(file), frame)
            else:
                yield frame.data, frame.index

    def _note(self, file: int, frame: reading.Frame) -> None:
        with self._lock:
            is_new = (file, frame.index) not in self._found
            self._found.add((file, frame.index))
        if is_new:
            self._report(f"{self._files[file]}: record {frame.index}: {frame.damage}")


def read_clips(
    files: Sequence[str],
    folds: Sequence[int],
    deterministic: bool,
    damage: Optional[Damage] = None,
    part: Tuple[int, int] = (1, 0),
    with_frames: bool = False,
) -> tf.data.Dataset:
    """As `records.read_clips`, and every clip has its `place` too: int64 [2], the numbers of the file and the record.

    Args:
        files: paths, as from `records.expand_globs`.
        folds: only clips of these; empty: all.
        deterministic: the same order in every run.
        damage: damaged records are noted there and passed over, for which the dataset has to be read in this process.
            None: they are a DataLossError.
        part: (n, i): of n readers this is reader i, who reads every n-th file, or where there are fewer files than
            readers every n-th record of each. Places are of the whole list.
        with_frames: clips have their pictures too (`parsing.parse_audiovisual_clip`).
    """

    def placed(path: tf.Tensor, number: tf.Tensor) -> tf.data.Dataset:
        if damage is None:
            found = tf.data.TFRecordDataset(path).enumerate().map(lambda index, record: (record, index))
        else:
            found = _undamaged(path, number, damage)
        if not by_file:
            found = found.shard(num_readers, reader)
        return found.map(lambda record, index: (record, tf.stack([number, index])))

    def parsed(record: tf.Tensor, place: tf.Tensor) -> Dict[str, tf.Tensor]:
        return {**parse(record), "place": place}

    parse = parsing.parse_audiovisual_clip if with_frames else parsing.parse_clip
    num_readers, reader = part
    by_file = num_readers <= len(files)
    numbered = tf.data.Dataset.from_tensor_slices((list(files), np.arange(len(files), dtype=np.int64)))
    if by_file:
        numbered = numbered.shard(num_readers, reader)
    found = reading.interleaved(numbered, placed, len(files), deterministic)
    clips = found.map(parsed, num_parallel_calls=tf.data.AUTOTUNE, deterministic=deterministic)
    return reading.only_folds(clips, folds)


def _undamaged(path: tf.Tensor, number: tf.Tensor, damage: Damage) -> tf.data.Dataset:
    """The undamaged records of a file: serialized, string [], and their numbers, int64 []."""

    def checked() -> tf.Tensor:
        # The error of a file that cannot be opened would be ignored below for ever: TensorFlow tries again each time.
        with tf.control_dependencies([tf.py_function(damage.require_file, [number], [])]):
            return tf.identity(path)

    end = tf.data.Dataset.from_tensors((tf.constant(b""), True))
    to_the_end = tf.data.TFRecordDataset(checked()).map(lambda record: (record, False)).concatenate(end)
    zero = tf.constant(0, tf.int64)

    def count(state: Tuple[tf.Tensor, tf.Tensor], element: Tuple[tf.Tensor, tf.Tensor]) -> tuple:
        (index, offset), (record, is_end) = state, element
        behind = offset + tf.cast(tf.strings.length(record), tf.int64) + reading.FRAME_BYTES
        return (index + 1, behind), (record, index, offset, is_end)

    def is_record(record: tf.Tensor, index: tf.Tensor, offset: tf.Tensor, is_end: tf.Tensor) -> tf.Tensor:
        def note() -> tf.Tensor:
            with tf.control_dependencies([tf.py_function(damage.note_end, [number, index, offset], [])]):
                return tf.constant(False)

        return tf.cond(is_end, note, lambda: tf.constant(True))

    # Behind damage TensorFlow's reader goes on with the next dataset, which is `end`: it arrives either way.
    counted = to_the_end.scan((zero, zero), count).ignore_errors().filter(is_record)
    rest = tf.data.Dataset.from_generator(
        damage.rest,
        output_signature=(tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int64)),
        args=(number,),
    )
    return counted.map(lambda record, index, *_: (record, index)).concatenate(rest)


def names(files: Sequence[str], places: Sequence[Tuple[int, int]]) -> List[str]:
    """What lies at some places of a list of files, "FILE: record N (clip ID)", each once and in order."""
    wanted = collections.defaultdict(set)
    for file, index in places:
        wanted[int(file)].add(int(index))
    return [
        f"{files[file]}: record {index} (clip {clip_id})"
        for file, indices in sorted(wanted.items())
        for index, clip_id in _clip_ids(files[file], sorted(indices))
    ]


def _clip_ids(path: str, indices: Sequence[int]) -> Iterator[Tuple[int, str]]:
    """The clips of some records of a file, in ascending order: of the others no more than their length is read."""
    with tf.io.gfile.GFile(path, "rb") as file:
        offset, index = 0, 0
        for wanted in indices:
            while True:
                file.seek(offset)
                (length,) = struct.unpack("<Q4x", file.read(reading.HEADER_BYTES))
                offset, index = offset + length + reading.FRAME_BYTES, index + 1
                if index > wanted:
                    break
            yield wanted, schema.clip_from_example(file.read(length)).clip_id
