import math

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.losses import cluster_usage


@pytest.mark.parametrize(
    "counts, expected",
    [([0, 0], 0), ([0, 7, 0], 1), ([0.25] * 4, 4), ([5, 5, 0], 2), ([2, 1, 1], 2**1.5)],  # the last has 1.5 bits
)
def test_the_effective_number_of_clusters(counts, expected):
    np.testing.assert_allclose(cluster_usage.effective_number(np.array(counts)), expected, rtol=1e-12)


def test_members_are_counted_from_batch_to_batch():
    counts = tf.Variable(tf.zeros([5], tf.int64))
    cluster_usage.add_occupancy(counts, tf.constant([1, 3, 1, 4]), tf.constant([1.0, 1.0, 1.0, 0.0]))
    cluster_usage.add_occupancy(counts, tf.constant([3, 0]), tf.constant([1.0, 1.0]))
    np.testing.assert_array_equal(counts, [1, 2, 0, 2, 0])


def test_the_histogram_of_members():
    counts = np.array([0, 0, 0, 1, 2, 3, 3, 4, 7, 8, 33])
    assert cluster_usage.occupancy_histogram(counts) == {
        "0": 3, "1": 1, "2-3": 3, "4-7": 2, "8-15": 1, "16-31": 0, "32-63": 1,
    }  # fmt: skip
    assert cluster_usage.occupancy_histogram(np.zeros(4, int)) == {"0": 4, "1": 0}


def test_entropies_beside_what_they_can_be():
    numbers = cluster_usage.summary(math.log(2), math.log(32), num_clusters=1024, num_examples=64)
    assert numbers == pytest.approx(
        {
            "effective_clusters": 32,
            "entropy_ratio": 1 / 10,
            "entropy_of_mean_ratio": 5 / 6,
            "information": 4 * math.log(2),
        }
    )


@pytest.mark.parametrize(
    "entropy, entropy_of_mean, warning",
    [
        (0.1, 5.0, ""),
        (3.0, 8.0, ""),  # unsure, and spread over more clusters than there are examples
        (0.0, 0.0, "collapsed"),  # one cluster
        (0.0, math.log(10), "collapsed"),
        (math.log(1e6), math.log(1e6), "stuck"),
        (math.log(7e5), math.log(9e5), "stuck"),
        (math.nan, math.nan, "broken"),
    ],
)
def test_the_alarm(entropy, entropy_of_mean, warning):
    text = cluster_usage.warning(entropy, entropy_of_mean, num_clusters=1_000_000, num_examples=256)
    assert warning in text and bool(text) == bool(warning)
