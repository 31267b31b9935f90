"""NT-Xent: the positive against all negatives under a softmax (Chen et al. 2020, SimCLR, equation 1)."""

import tensorflow as tf


def nt_xent(
    anchor: tf.Tensor, positive: tf.Tensor, candidates: tf.Tensor, is_negative: tf.Tensor, temperature: float
) -> tf.Tensor:
    """The cross-entropy of picking the other window of a pair among it and the negatives, mean over both directions.

    Args:
        anchor, positive: [B, D], unit norm.
        candidates: [M, D], unit norm.
        is_negative: bool [B, M], which candidates are negatives of pair i; never the pair itself.
        temperature: the divisor of cosines, > 0.

    Returns:
        [B], at least 0; 0 for a pair without a negative.
    """
    positive_logits = tf.reduce_sum(anchor * positive, axis=1, keepdims=True) / temperature  # [B, 1]

    def direction(queries: tf.Tensor) -> tf.Tensor:
        negative_logits = tf.matmul(queries, candidates, transpose_b=True) / temperature
        negative_logits = tf.where(is_negative, negative_logits, negative_logits.dtype.min)
        logits = tf.concat([positive_logits, negative_logits], axis=1)
        return tf.reduce_logsumexp(logits, axis=1) - positive_logits[:, 0]

    return 0.5 * (direction(anchor) + direction(positive))
