"""Initial clusters, drawn from the embeddings far from each other: k-means++ in rounds.

Shapes: N embeddings, D their size, K clusters.
"""

import numpy as np

from audioset_triplet.progress_bars import progress_bar

_MAX_DISTANCES = 1 << 35  # that are computed: minutes on two cores
_ROUND_DIVISOR = 16  # a round draws this fraction of those that are still missing
_BLOCK = 1 << 14  # embeddings
_NOISE = 0.5  # length of the noise on a repeated embedding, before it is brought to unit length


def initial_clusters(
    vectors: np.ndarray, weights: np.ndarray, num_clusters: int, random: np.random.Generator
) -> np.ndarray:
    """K unit vectors.

    They are drawn without repetition, by the fourth power of the distance to the nearest one drawn before (k-means++,
    Arthur & Vassilvitskii 2007, has the second), in rounds of a sixteenth of those that are still missing (after
    k-means||, Bahmani et al. 2012). Where that takes too long, they are drawn from a random part of the embeddings; if
    that has fewer than 2K, all are drawn at random. Beyond the number of embeddings each is repeated with noise.

    Args:
        vectors: float32 [N, D], of unit length.
        weights: [N]; embeddings of weight 0 are not drawn.
        num_clusters: K.
        random: the generator.

    Returns:
        float32 [K, D].
    """
    usable = np.flatnonzero(weights > 0)
    pool_size = min(len(usable), _MAX_DISTANCES // num_clusters)
    if pool_size >= 2 * num_clusters:
        pool = np.sort(random.choice(usable, pool_size, replace=False))
        rows = pool[_far_rows(vectors[pool], num_clusters, random)]
    else:
        rows = random.permutation(usable)[:num_clusters]
    drawn = vectors[rows]
    if len(rows) == num_clusters:
        return drawn
    repeated = drawn[np.arange(num_clusters - len(rows)) % len(rows)]
    noise = random.standard_normal(repeated.shape, np.float32) * np.float32(_NOISE / np.sqrt(vectors.shape[1]))
    repeated = repeated + noise
    return np.concatenate([drawn, repeated / np.linalg.norm(repeated, axis=1, keepdims=True)])


def _far_rows(vectors: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Up to `count` rows, fewer where fewer vectors differ."""
    rows = random.choice(len(vectors), 1)
    distances = np.full(len(vectors), np.inf, np.float32)
    new = rows
    with progress_bar(name="k-means", unit="initial clusters", total=count) as progress:
        while True:
            progress.update(len(new))
            for start in range(0, len(vectors), _BLOCK):
                block = vectors[start : start + _BLOCK]
                nearest = 2.0 - 2.0 * (block @ vectors[new].T).max(axis=1)
                distances_of_block = distances[start : start + _BLOCK]
                np.minimum(distances_of_block, nearest, out=distances_of_block)
            distances[new] = 0
            distances[distances < 1e-6] = 0  # the same vector, to rounding
            num_new = min(1 + (count - len(rows) - 1) // _ROUND_DIVISOR, np.count_nonzero(distances))
            if len(rows) == count or not num_new:
                return rows
            shares = distances.astype(np.float64) ** 2
            new = random.choice(len(vectors), num_new, replace=False, p=shares / shares.sum())
            rows = np.concatenate([rows, new])
