"""The writer of one part of a folder of feature records.

It is apart from the writer of Parquet, since records need TensorFlow, which takes seconds to load.

Shapes: W windows of a clip, D embedding size.
"""

from typing import BinaryIO, List, Optional

import numpy as np

from audioset_triplet.clips import ClipInfo
from audioset_triplet.records import framing
from audioset_triplet.store import features
from audioset_triplet.store.embedding_parts import StoreInfo


class FeaturePartWriter:
    """Records of `store.features`. `hop_seconds` is the time from the start of a window to that of the next."""

    has_starts = False

    def __init__(self, file: BinaryIO, info: StoreInfo, hop_seconds: float) -> None:
        self._file, self._info, self._hop_seconds = file, info, hop_seconds
        self._clip: Optional[ClipInfo] = None
        self._codes: List[np.ndarray] = []
        self._weights: List[np.ndarray] = []
        self.num_rows = 0

    def write(
        self,
        clip: ClipInfo,
        window_start_seconds: np.ndarray,
        vectors: np.ndarray,
        weights: Optional[np.ndarray] = None,
        continues: bool = False,
    ) -> None:
        """As `PartWriter.write`. Starts are not stored: windows are successive."""
        ids = [clip.clip_id] * len(vectors)
        self._info.check(vectors, ids, f"model {self._info.model_id}")
        if not continues:
            self._finish_clip()
        self._clip = clip  # a long clip's end may be known in its last call only
        self._codes.append(features.quantize(vectors))
        self._weights.append(np.ones(len(vectors)) if weights is None else np.asarray(weights))
        self.num_rows += len(vectors)

    def copy(self, record: bytes) -> None:
        """Appends a record of a part of the same model."""
        self._finish_clip()
        framing.write_record(self._file, record)
        self.num_rows += 1

    def close(self) -> None:
        self._finish_clip()

    def _finish_clip(self) -> None:
        if self._clip is None:
            return
        codes, weights = np.concatenate(self._codes), np.concatenate(self._weights)
        record = features.clip_to_sequence_example(self._clip, codes, weights, self._hop_seconds)
        self._clip, self._codes, self._weights = None, [], []
        framing.write_record(self._file, record)
