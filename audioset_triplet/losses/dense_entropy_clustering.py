"""Entropy-based clustering, defined on a matrix of logits: assignments certain for each example, spread over the batch.

Jansen et al. 2020, section 3.2, and patent US11475236B2: a softmax head of K clusters on the embedding, trained to

    L = mean_i H(p_i) - gamma H(q),    q = mean_i p_i,    H(p) = -sum_k p_k log p_k,

means weighted and over the examples of all replicas. With gamma = 1 it is minus the mutual information between example
and cluster. As sum_k q_k log q_k = mean_i sum_k p_ik log q_k, L is the mean of terms of the examples,

    t_i = H(p_i) + gamma sum_k p_ik log q_k,

and its gradient is that of the terms with log q held fixed: what flows through log q is mean_i sum_k p_ik dq_k / q_k =
sum_k dq_k = 0, as q sums to one. Examples meet in q alone: the gradients of several replicas add up to that of L.

This is the definition, and fast for some thousand clusters. `losses.entropy_clustering` computes the same for millions.
"""

from typing import NamedTuple

import tensorflow as tf

from audioset_triplet import distribution

_LEAST = 1.2e-38  # the least normal float32: where a mean underflows, so does all that its logarithm is multiplied by


class ClusteringTerms(NamedTuple):
    """What a clustering head makes of a batch of B examples."""

    loss: tf.Tensor  # [B], t_i, whose weighted mean over all replicas is L
    entropy: tf.Tensor  # [B], H(p_i) in nats, from 0 to ln K
    cross_entropy: tf.Tensor  # [B], -sum_k p_ik log q_k in nats, whose weighted mean over all replicas is H(q)
    mean_assignment: tf.Tensor  # [K], q, the same on all replicas; 0 where all weights are 0


def dense_entropy_clustering(logits: tf.Tensor, weights: tf.Tensor, gamma: float) -> ClusteringTerms:
    """The terms of the loss. To be called in each replica.

    Args:
        logits: float32 [B, K].
        weights: float32 [B], at least 0; an example of weight 0 does not count.
        gamma: weight of the entropy of the mean assignment, at least 0.
    """
    log_p = tf.nn.log_softmax(logits)
    p = tf.exp(log_p)
    shares = tf.math.divide_no_nan(weights, distribution.sum_over_replicas(tf.reduce_sum(weights)))
    q = tf.stop_gradient(distribution.sum_over_replicas(tf.linalg.matvec(p, shares, transpose_a=True)))
    entropy = -tf.reduce_sum(p * log_p, axis=1)
    cross_entropy = -tf.linalg.matvec(p, log_probability(q))
    return ClusteringTerms(entropy - gamma * cross_entropy, entropy, cross_entropy, q)


def log_probability(p: tf.Tensor) -> tf.Tensor:
    """log p, finite where p is 0."""
    return tf.math.log(tf.maximum(p, _LEAST))
