"""Writers of one part of a folder of vectors: Parquet rows of embeddings or scores.

A part is written from beginning to end into an open file, which the caller names when it is whole. That of feature
records (`store.feature_writer`) has the same methods: `write` takes windows that a model has just given vectors, `copy`
a clip of an older part.

Shapes: W windows of a clip, D size of a vector.
"""

from typing import Any, BinaryIO, List, Optional, Protocol, Union

import numpy as np
import pyarrow as pa

from audioset_triplet.clips import ClipInfo
from audioset_triplet.store import parquet, window_parts
from audioset_triplet.store.part_info import PartInfo

_BUFFER_BYTES = 4 << 20  # rows held in memory before they go to the file, whatever the length of a clip
# Dictionaries suit ids that repeat over the windows of a clip, not floats.
_DICTIONARIES = ["clip_id", "recording_id", "label_names.list.element"]


class PartWriter(Protocol):
    """What both writers have in common."""

    num_rows: int  # windows that were written or copied
    has_starts: bool  # of windows; else they are successive

    def write(
        self,
        clip: ClipInfo,
        window_start_seconds: np.ndarray,
        vectors: np.ndarray,
        weights: Optional[np.ndarray] = None,
        continues: bool = False,
    ) -> None:
        """Appends windows of a clip: all of them at once, or those of a long clip in several calls in a row.

        Args:
            clip: the clip that they belong to.
            window_start_seconds: [W], from the start of the clip; W >= 1.
            vectors: [W, D], what the kind promises (`PartInfo.are_valid`).
            weights: [W], positive: weight of each window in the mean over the clip; None: equal weights.
            continues: they are more windows of the clip of the last call.

        Raises:
            UserError: an invalid vector.
        """
        ...

    def copy(self, rows: Any) -> None:
        """Appends a clip of an older part of the same model, as `part_rows` gives it."""
        ...

    def close(self) -> None:
        """Completes the part; the file stays open."""
        ...


class ParquetPartWriter:
    """Rows of `store.window_parts`: of embeddings or of scores."""

    has_starts = True

    def __init__(self, file: Union[str, BinaryIO], info: PartInfo) -> None:
        self._file, self._info = file, info
        self._schema = window_parts.build_schema(info)
        self._writer: Optional[parquet.Writer] = None
        self._buffer: List[pa.RecordBatch] = []
        self._buffer_bytes = 0
        self.num_rows = 0

    def write(
        self,
        clip: ClipInfo,
        window_start_seconds: np.ndarray,
        vectors: np.ndarray,
        weights: Optional[np.ndarray] = None,
        continues: bool = False,
    ) -> None:
        vectors = np.asarray(vectors, np.float32)
        weights = np.ones(len(vectors)) if weights is None else np.asarray(weights)
        expected = (max(1, len(window_start_seconds)), self._info.vector_size)
        if vectors.shape != expected:
            raise ValueError(f"clip {clip.clip_id}: vectors of shape {vectors.shape}, not {expected}")
        if weights.shape != expected[:1] or not ((weights > 0) & np.isfinite(weights)).all():
            raise ValueError(f"clip {clip.clip_id}: weights {weights}, not {expected[0]} positive ones")
        ids = [clip.clip_id] * len(vectors)
        self._info.check(vectors, ids, f"model {self._info.model_id}")
        self.copy(window_parts.record_batch(clip, window_start_seconds, vectors, weights, self._schema))

    def copy(self, rows: pa.RecordBatch) -> None:
        """Appends rows of a part of the same model."""
        self._buffer.append(rows)
        self._buffer_bytes += rows.num_rows * self._info.vector_size * np.dtype(np.float32).itemsize
        self.num_rows += rows.num_rows
        if self._buffer_bytes > _BUFFER_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        if self._writer is not None:
            self._writer.close()

    def abandon(self) -> None:
        """Closes an unfinished part, which is of no use."""
        if self._writer is not None:
            self._writer.close()

    def _flush(self) -> None:
        if not self._buffer:
            return
        if self._writer is None:
            self._writer = parquet.writer(self._file, self._schema, _DICTIONARIES)
        self._writer.write_table(pa.Table.from_batches(self._buffer, self._schema))
        self._buffer, self._buffer_bytes = [], 0
