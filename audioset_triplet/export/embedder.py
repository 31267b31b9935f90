"""Audio clips + model -> window embeddings in a store, in constant memory.

A thread decodes the clips and cuts them into windows; windows of successive clips share a batch. A clip is written
after its last block has been read, so that a damaged file leaves no row. A long clip would be held in memory for too
long: it is read once to its end before its first window is written.
"""

import contextlib
import dataclasses
import queue
import threading
from typing import FrozenSet, Iterable, Iterator, List, Optional, Protocol, Set, Tuple, Union

import numpy as np
from tqdm import tqdm

from audioset_triplet.clips import ClipInfo
from audioset_triplet.export.audio_clips import AudioClip
from audioset_triplet.export.loaded_model import EmbeddingModel
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.media.audio_files import AudioError

_HELD_WINDOWS = 1024  # 16 minutes: half a megabyte of embeddings
_QUEUED_WINDOWS = 256


class Writer(Protocol):
    """The common interface of `EmbeddingWriter` and `FeatureWriter`."""

    clip_ids_done: Set[str]

    def write(
        self,
        clip: ClipInfo,
        window_start_seconds: np.ndarray,
        embeddings: np.ndarray,
        weights: Optional[np.ndarray] = None,
    ) -> None: ...


@dataclasses.dataclass
class Totals:
    """The counts of a call of `embed`."""

    num_clips: int = 0
    num_windows: int = 0
    num_skipped: int = 0  # embedded by an earlier run
    audio_seconds: float = 0.0
    rejects: List[Tuple[str, AudioError]] = dataclasses.field(default_factory=list)


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


_Item = Union[_Window, _ReadableClip, _Reject]


def cut_windows(blocks: Iterable[np.ndarray], front_end: Union[FrontEnd, EmbeddingModel]) -> Iterator[_Window]:
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
    clips: Iterable[AudioClip], model: EmbeddingModel, writer: Writer, batch_size: int, num_clips: Optional[int]
) -> Totals:
    """Embeds every clip that the writer does not have yet.

    Args:
        clips: the clips to embed.
        model: maps windows to embeddings.
        writer: where window embeddings go.
        batch_size: windows per call of the model.
        num_clips: how many clips there are, for the progress bar; None: not known.

    Raises:
        UserError: what `writer.write` raises; a damaged record; a long file that changes while it is read.
    """
    totals = Totals()
    items: List[_Item] = []
    num_windows = 0
    assembler = _Assembler(writer, totals)
    with tqdm(total=num_clips, desc="embedding", unit=" clips", disable=None) as progress:

        def flush() -> None:
            windows = [item for item in items if isinstance(item, _Window)]
            embedded = zip(*model.embed_windows([window.samples for window in windows]))
            for item in items:
                if isinstance(item, _Window):
                    assembler.add_window(item, *next(embedded))
                else:
                    assembler.add_end(item)
            progress.update(totals.num_clips + len(totals.rejects) + totals.num_skipped - progress.n)
            progress.set_postfix_str(f"{totals.audio_seconds / 3600:.2f} h of audio")
            items.clear()

        done = frozenset(writer.clip_ids_done)  # before this run: an id that comes twice in it is an error
        for item in _in_background(_items(clips, done, model, totals), _QUEUED_WINDOWS):
            items.append(item)
            num_windows += isinstance(item, _Window)
            if num_windows == batch_size:
                flush()
                num_windows = 0
        flush()
    return totals


class _Assembler:
    """Puts embedded windows back together to clips and hands them to the writer."""

    def __init__(self, writer: Writer, totals: Totals) -> None:
        self._writer = writer
        self._totals = totals
        self._clip: Optional[ClipInfo] = None  # set as soon as the windows may be written
        self._windows: List[Tuple[float, np.ndarray, float]] = []  # starts, embeddings [D], weights

    def add_window(self, window: _Window, embedding: np.ndarray, weight: float) -> None:
        self._windows.append((window.start_seconds, embedding, weight))
        if self._clip is not None and len(self._windows) >= _HELD_WINDOWS:
            self._write()

    def add_end(self, item: Union[_ReadableClip, _Reject]) -> None:
        """The clip of the windows before, and perhaps of later ones, can be read to its end, or cannot."""
        if isinstance(item, _ReadableClip):
            self._clip = item.clip
            self._write()
            if item.is_end:
                self._totals.num_clips += 1
                self._totals.audio_seconds += item.clip.end_seconds - item.clip.start_seconds
                self._clip = None
        elif self._clip is not None:  # the file has changed: the part with its rows is discarded
            raise item.error
        else:
            self._totals.rejects.append((item.clip.clip_id, item.error))
            self._windows = []

    def _write(self) -> None:
        if self._windows:
            assert self._clip is not None
            starts, embeddings, weights = (np.stack(values) for values in zip(*self._windows))
            self._writer.write(self._clip, starts, embeddings, weights)
            self._totals.num_windows += len(starts)
            self._windows = []


def _items(clips: Iterable[AudioClip], done: FrozenSet[str], model: EmbeddingModel, totals: Totals) -> Iterator[_Item]:
    for audio in clips:
        if audio.clip.clip_id in done:
            totals.num_skipped += 1
        else:
            yield from _items_of(audio, model)


def _items_of(audio: AudioClip, model: EmbeddingModel) -> Iterator[_Item]:
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
