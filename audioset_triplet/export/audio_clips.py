"""The audio clips that are to be embedded: audio files, folders of them, or the clips of TFRecords."""

import dataclasses
import functools
import glob
import os
from typing import Callable, Iterator, List, NamedTuple, Optional, Protocol, Sequence, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError
from audioset_triplet.files import is_text, printable
from audioset_triplet.jobs import storage
from audioset_triplet.media import audio_files, folder_walk, pcm
from audioset_triplet.media.folder_walk import LeftOut
from audioset_triplet.records import globs, reading, scanning, schema

_BYTES_PER_ITEM = 256 << 20  # of records: 800 clips of ten seconds


class AudioFormat(Protocol):
    """What a model or a front end takes."""

    @property
    def front_end_id(self) -> str: ...

    @property
    def sample_rate_hz(self) -> int: ...

    @property
    def num_channels(self) -> int: ...


@dataclasses.dataclass(frozen=True)
class AudioClip:
    """A clip and a way to read it: `read()` yields float32 blocks at the model's rate and may raise an AudioError."""

    clip: ClipInfo
    read: Callable[[], Iterator[np.ndarray]]


@dataclasses.dataclass(frozen=True)
class AudioItem:
    """An audio file, or successive records of a TFRecord file: what a worker reads at a time."""

    key: str  # the path in the input, with `/`; of the second and later ranges of a file with the first record behind @
    path: str  # of the file; empty: it is gone
    size: int  # bytes of the file
    time_ns: int  # when it was last changed
    is_records: bool = False
    index: int = 0  # of the first record
    offset: int = 0  # of its first byte
    num_records: Optional[int] = None  # None: to the end of the file

    @property
    def identity(self) -> List[int]:
        """Changes when the file is replaced, not when it moves."""
        return [self.size, self.time_ns, self.index, self.offset, -1 if self.num_records is None else self.num_records]


class AudioInput(NamedTuple):
    """The audio of a path, and what else is in the folder that was searched."""

    root: str  # the folder that clip ids and keys are relative to
    items: List[AudioItem]
    left_out: LeftOut

    @property
    def is_records(self) -> bool:
        return self.items[0].is_records


class AudioFiles(NamedTuple):
    """The files of a path, whose content was not looked at."""

    root: str  # as for `AudioInput`
    paths: List[str]
    left_out: LeftOut
    are_records: bool


def find(source: str, folds: Sequence[int], audio_format: AudioFormat) -> AudioInput:
    """The audio of a path: that of its files (`list_files`).

    Args:
        source, folds: as for `list_files`.
        audio_format: as for `of_files`.

    Raises:
        UserError: what these two raise.
    """
    return of_files(list_files(source, folds), audio_format)


def list_files(source: str, folds: Sequence[int]) -> AudioFiles:
    """The files of a path: in seconds, before a model is loaded.

    The id of a clip of an audio file is its path in the folder, or in the folder that all files of a glob share.

    Args:
        source: an audio file, a folder of them (searched to any depth) or of TFRecords, or globs of either, separated
            by commas.
        folds: of TFRecords, only clips of these; empty: all.

    Raises:
        UserError: no such file, or folds with audio files, which have none.
    """
    left_out = LeftOut()
    if os.path.isdir(source):
        paths, left_out = _in_folder(source)
        root = os.path.abspath(source)
    else:
        # The name of a file may hold commas and brackets, which a list of globs may not.
        paths = [source] if os.path.isfile(source) else _visible(globs.expand(source), left_out)
        root = storage.common_folder(paths)
    are_records = all(".tfrecord" in os.path.basename(path) for path in paths)
    if folds and not are_records:
        raise UserError("--folds goes with TFRecords: audio files have no folds.")
    return AudioFiles(root, paths, left_out, are_records)


def of_files(files: AudioFiles, audio_format: AudioFormat) -> AudioInput:
    """The audio of some files.

    Args:
        files: of `list_files`.
        audio_format: to which files are decoded, and which records must have.

    Raises:
        UserError: records of another format.
    """
    root, paths, left_out, are_records = files
    if not are_records:
        return AudioInput(root, [_file_item(path, root) for path in paths], left_out)
    taken = (audio_format.sample_rate_hz, audio_format.num_channels)
    reading.require_format(paths, *taken, f"front end {audio_format.front_end_id}")
    return AudioInput(root, [item for path in paths for item in _record_items(path, root)], left_out)


def _file_item(path: str, root: str) -> AudioItem:
    key = os.path.relpath(path, root).replace(os.sep, "/")
    try:
        status = os.stat(path)
        size, time_ns = status.st_size, status.st_mtime_ns
    except OSError:  # the decoder rejects it
        size, time_ns = -1, -1
    return AudioItem(key, os.path.abspath(path), size, time_ns)


def _record_items(path: str, root: str) -> Iterator[AudioItem]:
    status = tf.io.gfile.stat(path)
    key = storage.relative(path, root)
    for records in scanning.ranges(path, _BYTES_PER_ITEM):
        yield AudioItem(
            f"{key}@{records.first}" if records.first else key,
            storage.absolute(path),
            status.length,
            status.mtime_nsec,
            True,
            *records,
        )


def _in_folder(folder: str) -> Tuple[List[str], LeftOut]:
    """The audio files of a folder, else the TFRecords that are directly in it, and what is left out."""
    found = folder_walk.find(folder)
    if found.files:
        return [file.path for file in found.files], found.left_out
    tfrecords = sorted(glob.glob(os.path.join(glob.escape(folder), "*.tfrecord")))
    if not tfrecords:
        rest = found.left_out.text()
        raise UserError(f"{folder}: no audio file in this folder" + (f"; it has {rest}" if rest else "."))
    return tfrecords, LeftOut()


def _visible(paths: Sequence[str], left_out: LeftOut) -> List[str]:
    """The matches of a glob without those that the search of a folder would leave out as hidden; never none of them."""
    visible = [path for path in paths if not folder_walk.is_hidden(os.path.basename(path))]
    for path in set(paths).difference(visible or paths):
        left_out.add("hidden files", path)
    return visible or list(paths)


def clips_of(item: AudioItem, folds: Sequence[int], audio_format: AudioFormat) -> Iterator[AudioClip]:
    """The clips of an item, in order: an audio file is one, and a recording of its own.

    Args:
        item: from `find`.
        folds: of TFRecords, only clips of these; empty: all.
        audio_format: to which files are decoded, and which records must have.

    Raises:
        UserError: a record of another format, or a damaged one.
    """
    if item.is_records:
        yield from _record_clips(item, folds, audio_format)
        return
    decoded_format = {"sample_rate_hz": audio_format.sample_rate_hz, "num_channels": audio_format.num_channels}
    clip_id = item.key if is_text(item.key) else printable(item.key)  # the decoder rejects it by this name
    yield AudioClip(ClipInfo(clip_id, clip_id), functools.partial(audio_files.stream, item.path, **decoded_format))


def _record_clips(item: AudioItem, folds: Sequence[int], audio_format: AudioFormat) -> Iterator[AudioClip]:
    """The clips of records, with their labels."""
    taken = (audio_format.sample_rate_hz, audio_format.num_channels)
    records = scanning.Range(item.index, item.offset, item.num_records)
    for clip in reading.read_range(item.path, records, audio_format.num_channels):
        info = ClipInfo(
            clip_id=clip["clip_id"].decode(),
            recording_id=clip["recording_id"].decode(),
            labels=tuple(int(label) for label in clip["labels"]),
            label_names=tuple(name.decode() for name in clip["label_names"]),
            fold=int(clip["fold"]),
            start_seconds=float(clip["start_seconds"]),
            end_seconds=float(clip["end_seconds"]),
        )
        if folds and info.fold not in folds:
            continue
        stored = (int(clip["sample_rate_hz"]), int(clip["num_channels"]))
        if stored != taken:
            raise UserError(
                f"clip {info.clip_id}: is {schema.format_text(*stored)}, and front end {audio_format.front_end_id} "
                f"takes {schema.format_text(*taken)}: prepare it with --sample_rate_hz={taken[0]}."
            )
        yield AudioClip(info, functools.partial(iter, [pcm.to_waveform(clip["pcm"])]))
