"""Entropy clustering as an objective: the terms of a head on embeddings, and the metrics of its clusters.

An `ObjectiveModel` that has the embeddings of a batch, from a network under training or from disk, has `head` among its
submodels under the name `heads.CLUSTER_HEAD`, and calls

    clustering_terms.terms(embeddings, weights, head, config.clustering.gamma, bool(self.jit_compile))

in its `terms`, and `derived_metrics` and `warning` in its methods of these names.
"""

from typing import Dict

import tensorflow as tf

from audioset_triplet.losses import cluster_usage, entropy_clustering
from audioset_triplet.models.heads import ClusterHead
from audioset_triplet.training.objective import Terms

METRICS = ("entropy", "cross_entropy")


def terms(
    embeddings: tf.Tensor, weights: tf.Tensor, head: ClusterHead, gamma: float, step_is_compiled: bool = False
) -> Terms:
    """The terms of the clustering loss, to be called in each replica.

    Their mean over all replicas is the loss, but only with the weights that are given here.

    Args:
        embeddings: [B, D], of unit length.
        weights: float32 [B], at least 0.
        head: the clusters.
        gamma: `ClusteringConfig.gamma`.
        step_is_compiled: the step that this is part of is compiled with XLA (`--jit_compile`).

    Returns:
        The terms, with the metrics `entropy` (of the assignments, mean_i H(p_i)) and `cross_entropy` (whose weighted
        mean is H(q), the entropy of the mean assignment); in nats.
    """
    blocks = entropy_clustering.Blocks(xla="whole" if step_is_compiled else "parts")
    embeddings = tf.cast(embeddings, tf.float32)  # of a network that computes in half precision
    clustering = entropy_clustering.entropy_clustering(embeddings, head.kernel, head.bias, weights, gamma, blocks)
    return Terms(clustering.loss, weights, {"entropy": clustering.entropy, "cross_entropy": clustering.cross_entropy})


def derived_metrics(means: Dict[str, float], num_clusters: int, num_examples: int) -> Dict[str, float]:
    """For `ObjectiveModel.derived_metrics`: `cluster_usage.summary` of the means of METRICS over some batches.

    Args:
        means: name -> mean; others are ignored.
        num_clusters, num_examples: K, and B over all replicas.
    """
    return cluster_usage.summary(means["entropy"], means["cross_entropy"], num_clusters, num_examples)


def warning(means: Dict[str, float], num_clusters: int, num_examples: int) -> str:
    """For `ObjectiveModel.warning`: that the clusters have collapsed, or stay where nothing is learned."""
    return cluster_usage.warning(means["entropy"], means["cross_entropy"], num_clusters, num_examples)
