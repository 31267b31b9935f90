"""Stored embeddings as the input of a run, shuffled each pass (`store.shuffled`).

A resumed run goes on with the batch that comes next, and reads nothing of those before.

Shapes: N clips or windows, D embedding size, B rows of a batch.
"""

import contextlib
import hashlib
import sys
from typing import Any, Collection, Dict, Iterator, List, NamedTuple, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet.config.clustering import ClusterConfig
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.records.example_ids import hash_ids
from audioset_triplet.store import embeddings, stored_clips, units
from audioset_triplet.store.shuffled import ShuffledVectors
from audioset_triplet.training.pipeline import Feed

_IN_MEMORY_BYTES = 4 << 30  # of vectors; more are mapped from a file


class VectorBatch(NamedTuple):
    """B embeddings."""

    vectors: tf.Tensor  # float32 [B, D], of unit length
    weights: tf.Tensor  # float32 [B]
    example_id: tf.Tensor  # int64 [B], the hash of the clip's id (`records.example_ids`)


class StoredEmbeddings:
    """A `RunInput`: the clips or windows of a folder of embeddings.

    Attributes, once `describe` was called:
        vectors: float32 [N, D].
        weights: float32 [N].
    """

    vectors: np.ndarray
    weights: np.ndarray

    def __init__(self, config: ClusterConfig, in_memory_bytes: int = _IN_MEMORY_BYTES) -> None:
        self._data, self._training = config.data, config.training
        self._num_clusters = config.clustering.num_clusters
        self._in_memory_bytes = in_memory_bytes

    def describe(self) -> Dict[str, Any]:
        """Reads the embeddings.

        Raises:
            UserError: what `units.read` and `ShuffledVectors` raise.
        """
        info = embeddings.read_info(self._data.embeddings)
        digest, weights = hashlib.sha256(), []

        def blocks() -> Iterator[Tuple[np.ndarray, np.ndarray]]:
            for batch in units.read(self._data.embeddings, self._data.unit, self._data.folds):
                digest.update(np.ascontiguousarray(batch.vectors, np.float32).data)
                weights.append(batch.weights)
                yield _hashes(batch.clip_ids.tolist()), batch.vectors

        self._shuffled = ShuffledVectors(blocks(), info.embedding_size, self._in_memory_bytes)
        self.vectors, self.weights = self._shuffled.vectors, np.concatenate(weights)
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
        if self._num_clusters > len(self.weights):
            print(
                f"{self._data.embeddings}: --num_clusters={self._num_clusters} is more than the {len(self.weights)} "
                f"{self._data.unit} to be clustered: nearly each gets a cluster of its own; fewer clusters group them.",
                file=sys.stderr,
            )

    def rows(self, step: int) -> np.ndarray:
        """The rows [B] of the batch of a step, counted from 0, of all devices together."""
        return self._shuffled.rows_of_batch(step, self._training.batch_size, self._training.seed)

    def batches(self, feed: Feed) -> tf.data.Dataset:
        context, size = feed.context, self._training.batch_size
        part = np.arange(size).reshape(context.num_input_pipelines, -1)[context.input_pipeline_id]

        def generate() -> Iterator[VectorBatch]:
            step = feed.first_step
            while True:
                rows = self.rows(step)[part]
                yield VectorBatch(self.vectors[rows], self.weights[rows], self._shuffled.keys[rows])
                step += 1

        signature = VectorBatch(
            tf.TensorSpec([len(part), self.vectors.shape[1]], tf.float32),
            tf.TensorSpec([len(part)], tf.float32),
            tf.TensorSpec([len(part)], tf.int64),
        )
        batches = tf.data.Dataset.from_generator(generate, output_signature=signature)
        if context.num_replicas_in_sync > context.num_input_pipelines:
            batches = batches.rebatch(size // context.num_replicas_in_sync, drop_remainder=True)
        return batches.prefetch(tf.data.AUTOTUNE)

    def names(self, ids: Collection[int], limit: int) -> List[str]:
        clip_ids = stored_clips.read_clips(self._data.embeddings, self._data.folds).clip_ids
        rows = np.flatnonzero(np.isin(_hashes(clip_ids), list(ids)))[:limit]
        return [f"{self._data.embeddings}: clip {clip_ids[row]}" for row in rows]

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        yield  # `describe` has read everything


def _hashes(clip_ids: List[str]) -> np.ndarray:
    return hash_ids(tf.constant(clip_ids, tf.string)).numpy()
