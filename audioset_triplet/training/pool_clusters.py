"""Clusters of some hundred to some thousand vectors in memory, without a run: for pools that a study draws.

The methods of `training.cluster_embeddings`, from the same initial clusters. Entropy clustering takes all vectors in
each step, with the definition of its loss; k-means takes them until it converges.

Shapes: n vectors, D embedding size, K clusters.
"""

from typing import Tuple

import numpy as np
import sklearn.cluster
import tensorflow as tf

from audioset_triplet.config.clustering import ClusteringConfig
from audioset_triplet.losses.dense_entropy_clustering import dense_entropy_clustering
from audioset_triplet.models import heads
from audioset_triplet.training import kmeans_init

_STEPS = 200
_LEARNING_RATE = 0.1  # of Adam at the start, as the default of experiments.cluster; falls to 0

METHODS = ("entropy", "kmeans")


def cluster(vectors: np.ndarray, method: str, num_clusters: int, seed: int) -> Tuple[np.ndarray, np.ndarray]:
    """Clusters some vectors.

    Args:
        vectors: float32 [n, D], of unit length.
        method: one of METHODS.
        num_clusters: K, at least 2; some may stay empty.
        seed: of the initial clusters.

    Returns:
        The cluster of each, int [n], and how probable it is, [n]; for k-means minus the distance to its centre.
    """
    random = np.random.default_rng(seed)
    initial = kmeans_init.initial_clusters(vectors, np.ones(len(vectors)), num_clusters, random)
    if method == "kmeans":
        model = sklearn.cluster.KMeans(num_clusters, init=initial, n_init=1, random_state=seed).fit(vectors)
        return model.labels_, -np.linalg.norm(vectors - model.cluster_centers_[model.labels_], axis=1)
    return _entropy_clusters(vectors, initial)


def _entropy_clusters(vectors: np.ndarray, initial: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    settings = ClusteringConfig()
    head = heads.ClusterHead(len(initial), initial.shape[1], settings.cluster_scale)
    head.set_rows(initial)
    rate = tf.keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, _STEPS)
    optimizer = tf.keras.optimizers.Adam(rate)
    embeddings, weights = tf.constant(vectors), tf.ones(len(vectors))

    @tf.function(autograph=False)
    def step() -> None:
        with tf.GradientTape() as tape:
            logits = tf.matmul(embeddings, head.kernel, transpose_b=True) + head.bias
            loss = tf.reduce_mean(dense_entropy_clustering(logits, weights, settings.gamma).loss)
        optimizer.apply_gradients(zip(tape.gradient(loss, head.trainable_variables), head.trainable_variables))

    for _ in range(_STEPS):
        step()
    probabilities = tf.nn.softmax(tf.matmul(embeddings, head.kernel, transpose_b=True) + head.bias).numpy()
    return probabilities.argmax(axis=1), probabilities.max(axis=1)
