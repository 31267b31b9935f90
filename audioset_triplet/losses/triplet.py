"""The triplet loss with semi-hard negatives (Jansen et al. 2018, equation 1 and section 4.2), mined block by block."""

from typing import Callable, Tuple

import tensorflow as tf

# Distances that are in memory at once: 64 MB, and about as much again in each of half a dozen steps of the search.
_BLOCK_DISTANCES = 1 << 24


def squared_distances(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Squared Euclidean distances of all pairs: [A, D], [M, D] -> [A, M], never negative."""
    norms = tf.reduce_sum(tf.square(first), axis=1)[:, tf.newaxis] + tf.reduce_sum(tf.square(second), axis=1)
    return tf.maximum(norms - 2.0 * tf.matmul(first, second, transpose_b=True), 0.0)


def semi_hard_choice(
    positive_distances: tf.Tensor, candidate_distances: tf.Tensor, is_negative: tf.Tensor
) -> Tuple[tf.Tensor, tf.Tensor]:
    """The semi-hard negative of each anchor.

    That is the closest negative that is further away than the positive: the very closest is prone to be of the same
    class (section 4.2). Where every negative is closer than the positive, it is the furthest, which violates the least.
    Departure: the paper does not specify this case; this is the choice of tfa's loss.

    Args:
        positive_distances: [B], anchor to positive.
        candidate_distances: [B, M], anchor to each candidate.
        is_negative: bool [B, M], the candidates that may serve as a negative.

    Returns:
        Which candidate, int32 [B] (any where there is no negative at all), and whether there is a negative, bool [B].
    """
    further = is_negative & (candidate_distances > positive_distances[:, tf.newaxis])
    closest_further = tf.argmin(
        tf.where(further, candidate_distances, candidate_distances.dtype.max), axis=1, output_type=tf.int32
    )
    furthest = tf.argmax(tf.where(is_negative, candidate_distances, -1.0), axis=1, output_type=tf.int32)
    chosen = tf.where(tf.reduce_any(further, axis=1), closest_further, furthest)
    return chosen, tf.reduce_any(is_negative, axis=1)


def semi_hard_distances(
    anchors: tf.Tensor,
    positive_distances: tf.Tensor,
    candidates: tf.Tensor,
    is_negative: Callable[[tf.Tensor], tf.Tensor],
    block_distances: int = _BLOCK_DISTANCES,
) -> Tuple[tf.Tensor, tf.Tensor]:
    """The distance of each anchor to its semi-hard negative, which `semi_hard_choice` defines.

    The search works on some rows at a time and keeps nothing of them but its choice, through which no gradient flows:
    memory is that of a block, not of B x M distances.

    Args:
        anchors: [B, D].
        positive_distances: [B], anchor to positive.
        candidates: [M, D].
        is_negative: rows of anchors, int32 [b] -> the candidates that may serve them as a negative, bool [b, M].
        block_distances: how many distances are held at once, or those of one anchor if these are more.

    Returns:
        Distances [B] (0 where there is no negative at all) and whether there is a negative, bool [B].
    """
    num_anchors = tf.shape(anchors)[0]  # the rows of a worker are not known before it runs
    block_rows = tf.clip_by_value(block_distances // tf.shape(candidates)[0], 1, num_anchors)
    num_blocks = -(-num_anchors // block_rows)
    fixed_anchors, fixed_distances, fixed_candidates = map(tf.stop_gradient, (anchors, positive_distances, candidates))

    def choose(block: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        rows = tf.minimum(block * block_rows + tf.range(block_rows), num_anchors - 1)  # the last one may be repeated
        distances = squared_distances(tf.gather(fixed_anchors, rows), fixed_candidates)
        return semi_hard_choice(tf.gather(fixed_distances, rows), distances, is_negative(rows))

    blocks = tf.range(num_blocks)
    chosen, exists = tf.map_fn(choose, blocks, fn_output_signature=(tf.int32, tf.bool), parallel_iterations=1)
    chosen, exists = (tf.reshape(values, [-1])[:num_anchors] for values in (chosen, exists))
    distances = tf.reduce_sum(tf.square(anchors - tf.gather(candidates, chosen)), axis=1)
    return tf.where(exists, distances, 0.0), exists


def hinge(positive_distances: tf.Tensor, negative_distances: tf.Tensor, margin: float) -> tf.Tensor:
    """[d(a, p) - d(a, n) + margin]_+ per triplet, [B], on squared distances (equation 1)."""
    return tf.maximum(positive_distances - negative_distances + margin, 0.0)
