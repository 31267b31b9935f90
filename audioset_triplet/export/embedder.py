"""Audio clips + model -> vectors of their windows, embeddings or scores, in a part of a store, in constant memory.

A thread decodes the clips and cuts them into windows; windows of successive clips share a batch. Every batch has the
same number of windows, the last one filled up with silence where all of them share a call of the model: so the
vector of a window depends on that window alone, not on what is in the batch with it: bit for bit on a CPU, where its
matrix product treats all rows alike, as with 64 windows or 4; of 8 or 32 some CPUs compute the last rows by another
kernel. A clip is written after its last block has been read, so that a damaged file leaves no row. A long clip would be
held in memory for too long: it is read once to its end before its first window is written.
"""

import contextlib
import dataclasses
import queue
import threading
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple, Union

import numpy as np

from audioset_triplet.clips import ClipInfo
from audioset_triplet.export.audio_clips import AudioClip
from audioset_triplet.export.loaded_model import WindowModel
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.media.audio_files import AudioError
from audioset_triplet.store.part_info import PartInfo
from audioset_triplet.store.part_writers import PartWriter

_HELD_WINDOWS = 1024  # 16 minutes: half a megabyte at 128 numbers
_QUEUED_WINDOWS = 256


@dataclasses.dataclass(frozen=True)
class StoredClip:
    """A clip of an older part, whose rows are taken as they are."""

    rows: Any  # what `copy` of the writer takes


@dataclasses.dataclass
class Totals:
    """The counts of a call of `embed`, without stored clips."""

    windows: Dict[str, int] = dataclasses.field(default_factory=dict)  # clip id -> number of its windows
    seconds: Dict[str, float] = dataclasses.field(default_factory=dict)  # clip id -> its length
    rejects: Dict[str, AudioError] = dataclasses.field(default_factory=dict)  # clip id -> why it has no vectors


class LateReject(Exception):
    """A clip turns out to be of no use after some of its windows have been written: the part is void.

    Attributes:
        clip_id: of the clip.
        error: why.
    """

    def __init__(self, clip_id: str, error: AudioError) -> None:
        super().__init__(str(error))
        self.clip_id, self.error = clip_id, error


@dataclasses.dataclass(frozen=True)
class _Window:
    start_seconds: float
    samples: np.ndarray  # float32 [window_samples] of one channel, else [window_samples, num_channels]


@dataclasses.dataclass(frozen=True)
class _ReadableClip:
    """The clip of the windows before and after can be read to its end; `is_end`: there are no more windows."""

    clip: ClipInfo
    is_end: bool


@dataclasses.dataclass(frozen=True)
class _Reject:
    clip: ClipInfo
    error: AudioError


_Item = Union[_Window, _ReadableClip, _Reject, StoredClip]


def cut_windows(blocks: Iterable[np.ndarray], front_end: Union[FrontEnd, WindowModel]) -> Iterator[_Window]:
    """Successive windows of a signal that comes in blocks; a signal shorter than a window is padded with silence.

    An incomplete last window is dropped, as in `FrontEnd.windows`.
    """
    pending = np.zeros((0,) if front_end.num_channels == 1 else (0, front_end.num_channels), np.float32)
    index = 0
    for block in blocks:
        pending = np.concatenate([pending, block])
        while len(pending) >= front_end.window_samples:
            yield _Window(index * front_end.hop_seconds, pending[: front_end.window_samples].copy())
            pending = pending[front_end.hop_samples :]
            index += 1
    if index == 0:
        missing = [(0, front_end.window_samples - len(pending))] + [(0, 0)] * (pending.ndim - 1)
        yield _Window(0.0, np.pad(pending, missing))


def embed(
    clips: Iterable[Union[AudioClip, StoredClip]],
    model: WindowModel,
    writer: PartWriter,
    batch_size: int,
    progress: Callable[[int, int], object] = lambda num_clips, num_windows: None,
) -> Totals:
    """Embeds or scores clips, in their order. A clip that cannot be read, or with an invalid vector, becomes a reject.

    Args:
        clips: the clips.
        model: maps windows to vectors.
        writer: where they go.
        batch_size: windows per call of the model.
        progress: is told after each call of the model how many clips are done, stored ones left out, and how many
            windows are embedded.

    Raises:
        UserError: a damaged record.
        LateReject: a long clip turns out to be of no use after its beginning was written.
    """
    totals = Totals()
    items: List[_Item] = []
    num_windows = num_embedded = 0  # of the batch, and of all before
    assembler = _Assembler(writer, model.info, totals)

    def flush() -> None:
        nonlocal num_windows, num_embedded
        vectors = _vectors([item.samples for item in items if isinstance(item, _Window)], model, batch_size)
        for item in items:
            if isinstance(item, _Window):
                vector, weight = next(vectors)
                assembler.add_window(item, vector, weight)
            elif isinstance(item, StoredClip):
                writer.copy(item.rows)
            else:
                assembler.add_end(item)
        items.clear()
        num_windows, num_embedded = 0, num_embedded + num_windows
        progress(len(totals.windows) + len(totals.rejects), num_embedded)

    for item in _in_background(_items(clips, model), _QUEUED_WINDOWS):
        items.append(item)
        num_windows += isinstance(item, _Window)
        if num_windows == batch_size:
            flush()
    flush()
    return totals


def _vectors(windows: List[np.ndarray], model: WindowModel, batch_size: int) -> Iterator[Tuple[np.ndarray, float]]:
    """The vector and the weight of each of at most `batch_size` windows."""
    if not windows:
        return iter(())
    missing = 0 if model.windows_per_call else batch_size - len(windows)
    return zip(*model.window_vectors(windows + [np.zeros_like(windows[0])] * missing))


class _Assembler:
    """Puts windows back together to clips and hands them to the writer."""

    def __init__(self, writer: PartWriter, info: PartInfo, totals: Totals) -> None:
        self._writer = writer
        self._info = info
        self._totals = totals
        self._clip: Optional[ClipInfo] = None  # set as soon as the windows may be written
        self._num_written = 0  # of this clip
        self._windows: List[Tuple[float, np.ndarray, float]] = []  # starts, vectors [D], weights

    def add_window(self, window: _Window, vector: np.ndarray, weight: float) -> None:
        self._windows.append((window.start_seconds, vector, weight))
        if self._clip is not None and len(self._windows) >= _HELD_WINDOWS:
            self._write(self._clip)

    def add_end(self, item: Union[_ReadableClip, _Reject]) -> None:
        """The clip of the windows before, and perhaps of later ones, can be read to its end, or cannot."""
        if isinstance(item, _Reject):
            self._reject(item.clip, item.error)
            self._begin_next()
            return
        self._clip = item.clip
        self._write(item.clip)
        if item.is_end:
            if not self._num_written and item.clip.clip_id not in self._totals.rejects:
                self._reject(item.clip, self._invalid(item.clip, "the model gives vectors of zeros alone"))
            if self._num_written:
                self._totals.windows[item.clip.clip_id] = self._num_written
                self._totals.seconds[item.clip.clip_id] = item.clip.end_seconds - item.clip.start_seconds
            self._begin_next()

    def _begin_next(self) -> None:
        self._clip, self._num_written, self._windows = None, 0, []

    def _reject(self, clip: ClipInfo, error: AudioError) -> None:
        if self._num_written:
            raise LateReject(clip.clip_id, error)
        self._totals.rejects.setdefault(clip.clip_id, error)

    def _write(self, clip: ClipInfo) -> None:
        windows, self._windows = self._windows, []
        if not windows or clip.clip_id in self._totals.rejects:
            return
        starts, vectors, weights = (np.stack(values) for values in zip(*windows))
        if self._writer.has_starts:  # then a window may be missing
            given = ~self._info.are_missing(vectors)
            starts, vectors, weights = starts[given], vectors[given], weights[given]
            if not len(starts):
                return
        problem = self._problem(starts, vectors, weights)
        if problem:
            self._reject(clip, self._invalid(clip, problem))
            return
        self._writer.write(clip, starts, vectors, weights, continues=self._num_written > 0)
        self._num_written += len(starts)

    def _problem(self, starts: np.ndarray, vectors: np.ndarray, weights: np.ndarray) -> str:
        """What is wrong with the first window whose vector or weight is invalid, as text; empty: nothing."""
        has_weight = np.isfinite(weights) & (weights > 0)
        wrong = np.flatnonzero(~(self._info.are_valid(vectors) & has_weight))
        if not wrong.size:
            return ""
        first = wrong[0]
        fault = self._info.fault(vectors[first]) if has_weight[first] else f"the weight {weights[first]:.4g}"
        return f"the model gives the window at {starts[first]:.2f} s {fault}"

    def _invalid(self, clip: ClipInfo, problem: str) -> AudioError:
        return AudioError(clip.clip_id, f"no {self._info.COLUMN}", problem)


def _items(clips: Iterable[Union[AudioClip, StoredClip]], model: WindowModel) -> Iterator[_Item]:
    for clip in clips:
        if isinstance(clip, StoredClip):
            yield clip
        else:
            yield from _items_of(clip, model)


def _items_of(audio: AudioClip, model: WindowModel) -> Iterator[_Item]:
    counter = _SampleCounter()
    try:
        for index, window in enumerate(cut_windows(counter.count(audio.read()), model)):
            if index == _HELD_WINDOWS:
                whole = _SampleCounter()
                for _ in whole.count(audio.read()):
                    pass
                yield _ReadableClip(_with_end(audio.clip, whole.num_samples / model.sample_rate_hz), is_end=False)
            yield window
        yield _ReadableClip(_with_end(audio.clip, counter.num_samples / model.sample_rate_hz), is_end=True)
    except AudioError as error:
        yield _Reject(audio.clip, error)


class _SampleCounter:
    def __init__(self) -> None:
        self.num_samples = 0

    def count(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            self.num_samples += len(block)
            yield block


def _with_end(clip: ClipInfo, seconds: float) -> ClipInfo:
    if clip.end_seconds > clip.start_seconds:
        return clip
    return dataclasses.replace(clip, end_seconds=clip.start_seconds + seconds)


def _in_background(items: Iterable[_Item], capacity: int) -> Iterator[_Item]:
    """The same items, made by a thread; an exception there is raised here."""
    pipe: queue.Queue[object] = queue.Queue(capacity)
    stopped = threading.Event()
    end = object()

    def put(item: object) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                pipe.put(item, timeout=0.1)
                return

    def produce() -> None:
        try:
            for item in items:
                put(item)
                if stopped.is_set():
                    return
            put(end)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    try:
        while True:
            item = pipe.get()
            if item is end:
                return
            if isinstance(item, BaseException):
                raise item
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()
