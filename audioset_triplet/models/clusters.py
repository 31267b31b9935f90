"""The softmax head of K clusters on an embedding (Jansen et al. 2020, section 3.2): its weights, and where they are.

The head has no `call`: its logits, [B, K], would not fit. `losses.entropy_clustering` takes kernel and bias instead.
"""

from typing import Any, Dict

import numpy as np
import tensorflow as tf

PART = "cluster_head"  # its name in the checkpoints of every training


class ClusterHead(tf.keras.Model):
    """K clusters for unit embeddings of D dimensions, in float32 whatever the precision of the run.

    Attributes:
        kernel: float32 [K, D], a row per cluster; in the beginning directions at random, of the length `scale`.
        bias: float32 [K], in the beginning 0.
    """

    def __init__(self, num_clusters: int, embedding_size: int, scale: float) -> None:
        super().__init__(dtype=tf.float32, name=PART)
        self.num_clusters, self.embedding_size, self.scale = num_clusters, embedding_size, scale

        def directions(shape: Any, dtype: Any = None, **_: Any) -> tf.Tensor:
            return scale * tf.math.l2_normalize(tf.random.normal(shape, dtype=dtype), axis=1)

        self.kernel = self.add_weight("kernel", [num_clusters, embedding_size], tf.float32, directions)
        self.bias = self.add_weight("bias", [num_clusters], tf.float32, "zeros")
        self.built = True  # there is nothing else to build: Keras may copy and count the weights

    def begin_with(self, directions: np.ndarray) -> None:
        """Sets the rows to unit vectors [K, D], times `scale`."""
        self.kernel.assign(self.scale * directions)

    def get_config(self) -> Dict[str, Any]:
        return {name: getattr(self, name) for name in ("num_clusters", "embedding_size", "scale")}
