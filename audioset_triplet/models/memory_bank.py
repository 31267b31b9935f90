"""The memory bank of instance discrimination: a row for each clip, its embeddings so far (Wu et al. 2018, section 3).

Shapes: B windows of all devices, n instances, D embedding size.
"""

import math

import numpy as np
import tensorflow as tf

from audioset_triplet import distribution

MEMORY_BANK = "memory_bank"  # its name in checkpoints


class MemoryBank(tf.Module):
    """Rows that windows are compared with, and Z; every device has a whole copy, and all write the same.

    A device compares its part of the batch with all rows. Dividing the rows instead would save memory (n = 2 million
    and D = 128 are 1 GB), but send the embeddings of all devices and the sums of all softmaxes around in every step,
    forward and backward.

    Attributes:
        num_instances: n.
        rows: float32 [n, D]; initially of about unit length.
        normalizer: float32 [], Z of noise-contrastive estimation; 0: not known yet.
    """

    def __init__(self, num_instances: int, embedding_size: int, seed: int) -> None:
        super().__init__(name=MEMORY_BANK)
        self.num_instances = num_instances
        bound = 1 / math.sqrt(embedding_size / 3)
        values = np.random.default_rng(seed).uniform(-bound, bound, [num_instances, embedding_size])
        self.rows = _variable(values.astype(np.float32), "rows")
        self.normalizer = _variable(np.zeros([], np.float32), "normalizer")

    def fix_normalizer(self, similarities: tf.Tensor, temperature: float) -> tf.Tensor:
        """Z; the first call makes it n times the mean of exp(s / tau) of all devices. To be called in each replica.

        Args:
            similarities: float32 [B, K + 1], s of this device's windows.
            temperature: tau.
        """
        total = distribution.sum_over_replicas(tf.reduce_sum(tf.exp(similarities / temperature)))
        count = distribution.sum_over_replicas(tf.cast(tf.size(similarities), tf.float32))
        estimate = self.num_instances * total / count
        fixed = tf.stop_gradient(tf.where(self.normalizer > 0, self.normalizer, estimate))
        self.normalizer.assign(fixed)
        return fixed

    def update(self, instances: tf.Tensor, embeddings: tf.Tensor, momentum: float) -> None:
        """Moves the rows of the clips of a batch: v <- normalized(momentum v + (1 - momentum) embedding).

        To be called in each replica. Of a clip that is several times in the batch of all devices the last window
        counts. A row that would not be finite stays.

        Args:
            instances: int32 [B], of this device.
            embeddings: float32 [B, D].
            momentum: see above.
        """
        instances, embeddings = distribution.gather(instances), distribution.gather(tf.stop_gradient(embeddings))
        # Equal rows are written with equal values, in whatever order.
        is_same = instances[:, tf.newaxis] == instances
        last = tf.argmax(tf.where(is_same, tf.range(tf.size(instances)) + 1, 0), axis=1)
        before = tf.gather(self.rows, instances)
        moved = momentum * before + (1.0 - momentum) * tf.gather(embeddings, last)
        moved = tf.math.l2_normalize(moved, axis=1)
        is_finite = tf.reduce_all(tf.math.is_finite(moved), axis=1, keepdims=True)
        tf.raw_ops.ResourceScatterUpdate(
            resource=self.rows.handle, indices=instances, updates=tf.where(is_finite, moved, before)
        )

    def values(self) -> np.ndarray:
        """The rows. To be called outside of steps, in the scope of the run's strategy."""
        return tf.distribute.get_strategy().experimental_local_results(self.rows)[0].numpy()


def _variable(value: np.ndarray, name: str) -> tf.Variable:
    """A variable that each replica reads and writes for itself."""
    return tf.Variable(
        value,
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        name=name,
    )
