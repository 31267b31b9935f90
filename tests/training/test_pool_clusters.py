"""Clusters of vectors in memory."""

import numpy as np
import pytest
from sklearn import metrics

from audioset_triplet.training import pool_clusters
from tests.example_clips import unit

PLANTED = np.arange(120) % 6
VECTORS = unit(
    unit(np.random.default_rng(1).normal(size=(6, 16)))[PLANTED]
    + 0.05 * np.random.default_rng(2).normal(size=(120, 16))
)


@pytest.mark.parametrize("method", pool_clusters.METHODS)
def test_planted_clusters_come_back(method):
    vectors = VECTORS.astype(np.float32)
    numbers, probabilities = pool_clusters.cluster(vectors, method, 6, seed=0)
    assert metrics.normalized_mutual_info_score(PLANTED, numbers) > 0.9
    assert probabilities.shape == (120,)
    again, _ = pool_clusters.cluster(vectors, method, 6, seed=0)
    np.testing.assert_array_equal(numbers, again)


def test_the_most_probable_member_of_a_k_means_cluster_is_nearest_to_its_centre():
    numbers, probabilities = pool_clusters.cluster(VECTORS.astype(np.float32), "kmeans", 6, seed=0)
    members = np.flatnonzero(numbers == 0)
    distances = np.linalg.norm(VECTORS[members] - VECTORS[members].mean(axis=0), axis=1)
    assert probabilities[members].argmax() == distances.argmin()
