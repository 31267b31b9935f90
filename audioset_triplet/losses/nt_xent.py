"""NT-Xent: the positive against all negatives at hand under a softmax (Chen et al. 2020, SimCLR, equation 1)."""

import tensorflow as tf


def nt_xent(
    anchor: tf.Tensor, positive: tf.Tensor, candidates: tf.Tensor, is_negative: tf.Tensor, temperature: float
) -> tf.Tensor:
    """The cross-entropy of picking the other window of a pair among it and the negatives, mean over both directions.

    Args:
        anchor, positive: [B, D], unit norm.
        candidates: [M, D], unit norm.
        is_negative: bool [B, M], which candidates are negatives of pair i; never the pair itself.
        temperature: what cosines are divided by, > 0.

    Returns:
        [B], at least 0; 0 for a pair without a negative.
    """
    own = tf.reduce_sum(anchor * positive, axis=1, keepdims=True) / temperature  # [B, 1]

    def direction(queries: tf.Tensor) -> tf.Tensor:
        others = tf.matmul(queries, candidates, transpose_b=True) / temperature
        others = tf.where(is_negative, others, others.dtype.min)
        return tf.reduce_logsumexp(tf.concat([own, others], axis=1), axis=1) - own[:, 0]

    return 0.5 * (direction(anchor) + direction(positive))
