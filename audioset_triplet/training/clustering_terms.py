"""Entropy clustering as an objective: what a head makes of embeddings, and what is watched while it learns.

For whoever has embeddings of a batch in hand, from a network under training or from disk:

    terms = clustering.terms(embeddings, weights, head, config.clustering.gamma, bool(self.jit_compile))

in the `terms` of an `ObjectiveModel`, with `head` one of its parts, under the name `heads.CLUSTER_HEAD`; its
`derived` and `alarm` are `derived` and `alarm` here.
"""

from typing import Dict

import tensorflow as tf

from audioset_triplet.losses import cluster_usage, entropy_clustering
from audioset_triplet.models.heads import ClusterHead
from audioset_triplet.training.objective import Terms

MONITORED = ("entropy", "cross_entropy")


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
        The terms, which monitor `entropy` (of the assignments, mean_i H(p_i)) and `cross_entropy` (whose weighted mean
        is H(q), the entropy of the mean assignment); in nats.
    """
    xla = "whole" if step_is_compiled else "parts"
    embeddings = tf.cast(embeddings, tf.float32)  # of a network that computes in half precision
    found = entropy_clustering.entropy_clustering(embeddings, head.kernel, head.bias, weights, gamma, xla=xla)
    return Terms(found.loss, weights, {"entropy": found.entropy, "cross_entropy": found.cross_entropy})


def derived(means: Dict[str, float], num_clusters: int, num_examples: int) -> Dict[str, float]:
    """What `ObjectiveModel.derived` says of the means of MONITORED over some batches (`cluster_usage.summary`).

    Args:
        means: name -> mean; others are passed over.
        num_clusters, num_examples: K, and B over all replicas.
    """
    return cluster_usage.summary(means["entropy"], means["cross_entropy"], num_clusters, num_examples)


def alarm(means: Dict[str, float], num_clusters: int, num_examples: int) -> str:
    """What `ObjectiveModel.alarm` says of them: that the clusters have collapsed, or stay where nothing is learned."""
    return cluster_usage.alarm(means["entropy"], means["cross_entropy"], num_clusters, num_examples)
