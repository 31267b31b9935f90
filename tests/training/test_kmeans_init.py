import numpy as np

from audioset_triplet.training import kmeans_init
from tests.example_clips import unit


def planted(num_modes, each, size=32, noise=0.3):
    random = np.random.default_rng(0)
    modes = np.repeat(unit(random.normal(size=(num_modes, size))), each, axis=0)
    return unit(modes + noise / np.sqrt(size) * random.normal(size=modes.shape)).astype(np.float32)


def rows_of(vectors, clusters):
    nearest = (clusters @ vectors.T).argmax(axis=1)
    np.testing.assert_array_equal(clusters, vectors[nearest])
    return nearest


def test_initial_clusters_are_embeddings_far_from_each_other():
    vectors = planted(50, 20)
    drawn = rows_of(vectors, kmeans_init.initial_clusters(vectors, np.ones(1000), 50, np.random.default_rng(0)))
    at_random = np.random.default_rng(0).permutation(1000)[:50]
    assert len(set(drawn)) == 50
    assert len(set(drawn // 20)) >= 45 > 40 > len(set(at_random // 20))  # of 50 modes a draw at random has 63%


def test_embeddings_without_weight_are_not_drawn():
    vectors, weights = planted(10, 4), np.tile([0.0, 1, 1, 1], 10)
    for count in (10, 25):  # far from each other, and at random
        drawn = rows_of(vectors, kmeans_init.initial_clusters(vectors, weights, count, np.random.default_rng(0)))
        assert len(set(drawn)) == count and weights[drawn].all()


def test_beyond_the_embeddings_each_is_repeated_with_noise():
    vectors = planted(5, 2)
    clusters = kmeans_init.initial_clusters(vectors, np.ones(10), 25, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(clusters, axis=1), 1, rtol=1e-5)
    order = rows_of(vectors, clusters[:10])
    assert sorted(order) == list(range(10))
    cosines = np.sum(clusters[10:] * vectors[order[np.arange(15) % 10]], axis=1)
    assert ((cosines > 0.8) & (cosines < 0.999)).all()


def test_of_few_different_embeddings_each_is_drawn_once():
    vectors = np.tile(planted(3, 1), (10, 1))
    clusters = kmeans_init.initial_clusters(vectors, np.ones(30), 6, np.random.default_rng(0))
    assert clusters.shape == (6, 32)
    assert len(np.unique(clusters[:3], axis=0)) == 3
