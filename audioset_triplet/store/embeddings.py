"""Embeddings on disk: a folder of Parquet parts, one row per window. A killed writer can be resumed.

    embeddings-00000-of-00013.parquet, ...      of `experiments.embed` (`export.embedding_job`): a part for each shard
    embeddings-00000.parquet, ...               of `EmbeddingWriter`, one after the other

    embedding             fixed_size_list<float32>[D], unit norm

The other columns are those of `store.window_parts`. The file metadata names the model, the front end, the code version
and D. A part gets its name when it is complete: a killed writer leaves complete clips. pandas, polars and duckdb can
read the folder.

Shapes: R rows (windows) of a batch, W windows of a clip, D embedding size.
"""

import contextlib
import dataclasses
import glob
import os
from typing import Iterable, Iterator, Optional, Sequence, Set, Tuple

import numpy as np
import pyarrow as pa

import audioset_triplet
from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError
from audioset_triplet.store import embedding_parts, window_parts
from audioset_triplet.store.embedding_parts import StoreInfo
from audioset_triplet.store.part_writers import ParquetPartWriter
from audioset_triplet.store.window_parts import WindowRows

# 4 hours of audio, 8 MB at D = 128: what a killed writer repeats, and 1,200 parts for all of AudioSet.
ROWS_PER_PART = 16384


@dataclasses.dataclass(frozen=True)
class WindowBatch(WindowRows):
    """R windows, in the order on disk."""

    embeddings: np.ndarray  # [R, D] float32, unit norm


class EmbeddingWriter:
    """Writes a folder of embeddings; in a folder that has some, it adds to them.

        with EmbeddingWriter(folder, model_id, front_end_id, embedding_size=128) as writer:
            for clip in clips:
                if clip.clip_id not in writer.clip_ids_done:
                    writer.write(clip, window_start_seconds, embeddings, weights)

    One writer per folder at a time. An exception in the block discards the unfinished part, whose last clip may lack
    windows.

    Raises:
        UserError: the folder holds embeddings of another model or front end, or a damaged part.
    """

    has_starts = True  # as `part_writers.PartWriter`

    def __init__(
        self,
        folder: str,
        model_id: str,
        front_end_id: str,
        embedding_size: int,
        rows_per_part: int = ROWS_PER_PART,
    ) -> None:
        self._folder = folder
        self._rows_per_part = rows_per_part
        self._info = StoreInfo(model_id, front_end_id, embedding_size, audioset_triplet.__version__)
        self.clip_ids_done: Set[str] = set()
        self._next_part = 0
        embedding_parts.check_folder(folder, self._info)
        for path in embedding_parts.part_paths(folder):
            self.clip_ids_done.update(window_parts.clip_ids(path))
            self._next_part = 1 + window_parts.part_number(path)
            if window_parts.is_shard(path):
                raise UserError(f"{folder}: holds parts of experiments.embed, which alone adds to them.")
        self._start_part()

    def _start_part(self) -> None:
        self._part = ParquetPartWriter(self._temporary_path(), self._info)
        self._clip_ids_in_part: Set[str] = set()

    def __enter__(self) -> "EmbeddingWriter":
        os.makedirs(self._folder, exist_ok=True)
        for leftover in glob.glob(os.path.join(glob.escape(self._folder), "embeddings-*.parquet.tmp-*")):
            os.remove(leftover)  # of a writer that was killed
        return self

    def __exit__(self, exception_type: Optional[type], *_: object) -> None:
        try:
            if exception_type is None:
                self._finish_part()
        finally:
            # The unfinished part is removed, so that a full disk has space again.
            with contextlib.suppress(OSError):
                self._part.abandon()
            with contextlib.suppress(FileNotFoundError):
                os.remove(self._temporary_path())

    def write(
        self,
        clip: ClipInfo,
        window_start_seconds: np.ndarray,
        embeddings: np.ndarray,
        weights: Optional[np.ndarray] = None,
        continues: bool = False,
    ) -> None:
        """Appends windows of a clip, as `PartWriter.write`.

        Raises:
            UserError: an embedding that is not finite or not of unit norm, or a clip id that was written before.
        """
        if not continues:
            if clip.clip_id in self.clip_ids_done or clip.clip_id in self._clip_ids_in_part:
                raise UserError(f"clip {clip.clip_id} is given twice: every clip in {self._folder} needs its own id.")
            if self._part.num_rows >= self._rows_per_part:
                self._finish_part()
        with self._failure_named():
            self._part.write(clip, window_start_seconds, embeddings, weights, continues)
        self._clip_ids_in_part.add(clip.clip_id)

    def write_missing(self, clips: Iterable[Tuple[ClipInfo, np.ndarray]], window_start_seconds: np.ndarray) -> None:
        """Writes those of these clips that the folder does not hold yet.

        Args:
            clips: pairs of a clip and its embeddings [W, D], as for `write`.
            window_start_seconds: [W], of every clip.
        """
        for clip, embeddings in clips:
            if clip.clip_id not in self.clip_ids_done:
                self.write(clip, window_start_seconds, embeddings)

    def _finish_part(self) -> None:
        if not self._part.num_rows:
            return
        with self._failure_named():
            self._part.close()
            os.replace(self._temporary_path(), self._path())
        self.clip_ids_done |= self._clip_ids_in_part
        self._next_part += 1
        self._start_part()

    @contextlib.contextmanager
    def _failure_named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # a full disk: the message of Arrow names no file
            raise UserError(f"{self._path()}: cannot be written: {error}") from error

    def _path(self) -> str:
        return os.path.join(self._folder, f"embeddings-{self._next_part:05d}.parquet")

    def _temporary_path(self) -> str:
        return f"{self._path()}.tmp-{os.getpid()}"


def read_info(folder: str) -> StoreInfo:
    """The metadata of a folder.

    Raises:
        UserError: no such folder, no embeddings in it, a damaged part, or parts of several models or front ends.
    """
    return window_parts.read_folder_info(folder, StoreInfo)


def read_batches(folder: str, folds: Sequence[int] = ()) -> Iterator[WindowBatch]:
    """Streams the windows of a folder, part by part, in the order in which they were written.

    Args:
        folder: what `EmbeddingWriter` wrote.
        folds: only clips of these folds; empty: all.

    Raises:
        UserError: what `read_info` raises, or an embedding that is not of unit norm.
    """
    read_info(folder)
    for path in embedding_parts.part_paths(folder):
        for batch in part_batches(path, folds):
            yield WindowBatch(**window_parts.window_rows(batch), embeddings=embedding_parts.matrix(batch))


def part_batches(path: str, folds: Sequence[int] = (), columns: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
    """Streams the rows of one part, as `window_parts.part_batches`."""
    return window_parts.part_batches(path, StoreInfo, folds, columns)
