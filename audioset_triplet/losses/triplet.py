"""The triplet loss with semi-hard negatives (Jansen et al. 2018, equation 1 and section 4.2), in O(B^2) memory."""

from typing import Tuple

import tensorflow as tf


def squared_distances(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Squared Euclidean distances of all pairs: [A, D], [M, D] -> [A, M], never negative."""
    norms = tf.reduce_sum(tf.square(first), axis=1)[:, tf.newaxis] + tf.reduce_sum(tf.square(second), axis=1)
    return tf.maximum(norms - 2.0 * tf.matmul(first, second, transpose_b=True), 0.0)


def semi_hard_distances(
    positive_distances: tf.Tensor, candidate_distances: tf.Tensor, is_negative: tf.Tensor
) -> Tuple[tf.Tensor, tf.Tensor]:
    """The distance of each anchor to its semi-hard negative.

    That is the closest negative that is still further away than the positive: the very closest is prone to be of the
    same kind (section 4.2). Where every negative is closer than the positive, the furthest is taken, the one that
    violates the least. Departure: the paper does not say what it does there; this is what tfa's loss does.

    Args:
        positive_distances: [B], anchor to positive.
        candidate_distances: [B, M], anchor to each candidate.
        is_negative: bool [B, M], the candidates that may serve as a negative.

    Returns:
        Distances [B] (0 where there is no negative at all) and whether there is a negative, bool [B].
    """
    further = is_negative & (candidate_distances > positive_distances[:, tf.newaxis])
    closest_further = tf.argmin(tf.where(further, candidate_distances, candidate_distances.dtype.max), axis=1)
    furthest = tf.argmax(tf.where(is_negative, candidate_distances, -1.0), axis=1)
    chosen = tf.where(tf.reduce_any(further, axis=1), closest_further, furthest)
    exists = tf.reduce_any(is_negative, axis=1)
    distances = tf.gather(candidate_distances, chosen, axis=1, batch_dims=1)
    return tf.where(exists, distances, 0.0), exists


def hinge(positive_distances: tf.Tensor, negative_distances: tf.Tensor, margin: float) -> tf.Tensor:
    """[d(a, p) - d(a, n) + margin]_+ per triplet, [B], on squared distances (equation 1)."""
    return tf.maximum(positive_distances - negative_distances + margin, 0.0)
