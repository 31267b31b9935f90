"""Stored embeddings as what a run learns from: all in memory or in a file of the system's cache, shuffled each pass.

Batch after batch of an endless list of passes, each in an order of its own that follows from seed and pass alone: a
resumed run goes on with the batch that comes next, and reads nothing of those before.

Shapes: N clips or windows, D embedding size, B rows of a batch.
"""

import contextlib
import hashlib
import tempfile
from typing import Any, Dict, Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet.config.clustering import ClusterConfig
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.store import embeddings, units
from audioset_triplet.training.pipeline import Feed

_IN_MEMORY_BYTES = 4 << 30  # of vectors; more are mapped from a file without a name, which ends with the process


class VectorBatch(NamedTuple):
    """B embeddings."""

    vectors: tf.Tensor  # float32 [B, D], of unit length
    weights: tf.Tensor  # float32 [B]
    places: tf.Tensor  # int64 [B, 1, 2]: 0, and the number of the row


class StoredEmbeddings:
    """A source (`training.sources`): the clips or windows of a folder of embeddings.

    Attributes, once `describe` was called:
        vectors: float32 [N, D].
        weights: float32 [N].
    """

    vectors: np.ndarray
    weights: np.ndarray

    def __init__(self, config: ClusterConfig, in_memory_bytes: int = _IN_MEMORY_BYTES) -> None:
        self._data, self._training = config.data, config.training
        self._in_memory_bytes = in_memory_bytes

    def describe(self) -> Dict[str, Any]:
        """Reads the embeddings.

        Raises:
            UserError: what `units.read` raises.
        """
        info = embeddings.read_info(self._data.embeddings)
        digest = hashlib.sha256()
        blocks, weights = tempfile.TemporaryFile(), []
        for batch in units.read(self._data.embeddings, self._data.unit, self._data.folds):
            block = np.ascontiguousarray(batch.vectors, np.float32)
            digest.update(block.data)
            block.tofile(blocks)
            weights.append(batch.weights)
        self.weights = np.concatenate(weights)
        self.vectors = np.memmap(blocks, np.float32, "r", shape=(len(self.weights), info.embedding_size))
        if self.vectors.nbytes <= self._in_memory_bytes:
            self.vectors = np.array(self.vectors)
        return {
            "model_id": info.model_id,
            "front_end_id": info.front_end_id,
            "unit": self._data.unit,
            "rows": len(self.weights),
            "embeddings_digest": digest.hexdigest()[:16],
        }

    def splits(self) -> List[Dict[str, Any]]:
        return []

    def check(self, training: TrainingConfig) -> None:
        if not self.weights.any():
            raise UserError(f"{self._data.embeddings}: the windows of every clip cancel out: nothing can be learned.")

    def rows(self, step: int) -> np.ndarray:
        """The rows [B] of the batch of a step, counted from 0, of all devices together."""
        count, size = len(self.weights), self._training.batch_size
        numbers = np.arange(step * size, (step + 1) * size)
        return np.concatenate(
            [self._order(which)[numbers[numbers // count == which] % count] for which in np.unique(numbers // count)]
        )

    def _order(self, which: int) -> np.ndarray:
        """The order of all rows in a pass, [N]."""
        if getattr(self, "_kept_order", (None,))[0] != which:
            order = np.random.default_rng([self._training.seed, which]).permutation(len(self.weights))
            self._kept_order = (which, order)
        return self._kept_order[1]

    def batches(self, feed: Feed) -> tf.data.Dataset:
        context, size = feed.context, self._training.batch_size
        own = np.arange(size).reshape(context.num_input_pipelines, -1)[context.input_pipeline_id]

        def generate() -> Iterator[VectorBatch]:
            step = feed.first_step
            while True:
                rows = self.rows(step)[own]
                places = np.stack([np.zeros_like(rows), rows], axis=1)[:, np.newaxis]
                yield VectorBatch(self.vectors[rows], self.weights[rows], places)
                step += 1

        signature = VectorBatch(
            tf.TensorSpec([len(own), self.vectors.shape[1]], tf.float32),
            tf.TensorSpec([len(own)], tf.float32),
            tf.TensorSpec([len(own), 1, 2], tf.int64),
        )
        batches = tf.data.Dataset.from_generator(generate, output_signature=signature)
        if context.num_replicas_in_sync > context.num_input_pipelines:
            batches = batches.rebatch(size // context.num_replicas_in_sync, drop_remainder=True)
        return batches.prefetch(tf.data.AUTOTUNE)

    def names(self, found: Sequence[Tuple[int, int]]) -> List[str]:
        wanted = sorted({row for _, row in found})
        names, first = [], 0
        for batch in units.read(self._data.embeddings, self._data.unit, self._data.folds):
            own = [row - first for row in wanted if first <= row < first + len(batch.clip_ids)]
            names += [f"{self._data.embeddings}: clip {batch.clip_ids[row]}" for row in own]
            first += len(batch.clip_ids)
        return names

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        yield  # what was wrong with the embeddings `describe` has found
