"""Coincidence of all pairs of a batch: which of them lie close in time (Jansen et al. 2020, section 3.1).

A score z_ij says whether the first input of example i (an audio window) and the second of example j (an image, or
another window) coincide; p = sigmoid(z). Over the positive pairs P, which do, and the negative pairs N, which do not,

    L = -1/|P| sum_P log p_ij - 1/|N| sum_N log(1 - p_ij).

Where the examples of a batch are of different recordings, P is the diagonal and N all the rest, B and B (B - 1) pairs:
the loss as it is usually given. Both means weigh the same, so that p is the probability of a pair that is as likely to
be positive as negative.
"""

from typing import NamedTuple

import tensorflow as tf

from audioset_triplet import distribution


class Timestamps(NamedTuple):
    """When B windows or images are, in which recordings."""

    recordings: tf.Tensor  # int64 [B], a hash of the recording's id
    seconds: tf.Tensor  # float32 [B], from the start of the recording on
    exists: tf.Tensor  # bool [B], whether there is a window or image

    def of_all_replicas(self) -> "Timestamps":
        """To be called in each replica."""
        exists = distribution.gather(tf.cast(self.exists, tf.float32)) > 0
        return Timestamps(distribution.gather(self.recordings), distribution.gather(self.seconds), exists)


class Pairs(NamedTuple):
    """Which pairs are positive and which negative; a pair of which one input does not exist is neither."""

    positive: tf.Tensor  # bool [A, B]
    negative: tf.Tensor  # bool [A, B]


class CoincidenceTerms(NamedTuple):
    """Per-row values whose means over the rows of all replicas are the loss and the mean probabilities."""

    loss: tf.Tensor  # [A], L
    positive_probability: tf.Tensor  # [A], p of positive pairs
    negative_probability: tf.Tensor  # [A], p of negative pairs


def find_pairs(first: Timestamps, second: Timestamps, max_gap_seconds: float) -> Pairs:
    """The pairs of A and B timestamps: those of one recording and at most `max_gap_seconds` apart are positive."""
    same = first.recordings[:, tf.newaxis] == second.recordings
    near = tf.abs(first.seconds[:, tf.newaxis] - second.seconds) <= max_gap_seconds
    exist = first.exists[:, tf.newaxis] & second.exists
    return Pairs(same & near & exist, ~(same & near) & exist)


def coincidence(scores: tf.Tensor, pairs: Pairs) -> CoincidenceTerms:
    """The terms of a replica's rows against the columns of all replicas. To be called in each replica.

    Args:
        scores: float32 [A, B], z.
        pairs: [A, B].

    Returns:
        Terms whose plain mean over the rows of all replicas is the loss; a kind without pairs counts 0.
    """
    num_rows = distribution.sum_over_replicas(tf.cast(tf.shape(scores)[0], tf.float32))

    def part_of_mean(values: tf.Tensor, where: tf.Tensor) -> tf.Tensor:
        """[A, B], bool [A, B] -> [A], whose mean over the rows of all replicas is the mean over these pairs of all."""
        count = distribution.sum_over_replicas(tf.reduce_sum(tf.cast(where, tf.float32)))
        return tf.math.divide_no_nan(num_rows, count) * tf.reduce_sum(tf.where(where, values, 0.0), axis=1)

    probabilities = tf.stop_gradient(tf.sigmoid(scores))
    loss = part_of_mean(tf.nn.softplus(-scores), pairs.positive) + part_of_mean(tf.nn.softplus(scores), pairs.negative)
    return CoincidenceTerms(
        loss, part_of_mean(probabilities, pairs.positive), part_of_mean(probabilities, pairs.negative)
    )
