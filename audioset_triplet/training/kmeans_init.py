"""What a clustering of stored embeddings begins with: directions that lie apart, drawn from the embeddings themselves.

Shapes: N embeddings, D their size, K clusters.
"""

import numpy as np
from tqdm import tqdm

_MOST_DISTANCES = 1 << 35  # that drawing apart computes: minutes on two cores
_PART_OF_THE_REST = 16  # drawn in one round
_BLOCK = 1 << 14  # embeddings
_NOISE = 0.5  # length of what a repeated direction differs by, before it is brought to unit length


def directions(vectors: np.ndarray, weights: np.ndarray, num_clusters: int, random: np.random.Generator) -> np.ndarray:
    """K unit vectors to begin with.

    Drawn without repetition, and apart from each other: by the fourth power of the distance to the nearest one drawn
    before (k-means++, Arthur & Vassilvitskii 2007, has the second), not one by one but in rounds of a sixteenth of what
    is still wanted (after k-means||, Bahmani et al. 2012). Where that would take too long, of a part of the embeddings;
    where even of 2K, or where there are fewer, at random. Beyond the number of embeddings each is repeated with noise.

    Args:
        vectors: float32 [N, D], of unit length.
        weights: [N]; embeddings of weight 0 are not drawn.
        num_clusters: K.
        random: draws.

    Returns:
        float32 [K, D].
    """
    usable = np.flatnonzero(weights > 0)
    pool_size = min(len(usable), _MOST_DISTANCES // num_clusters)
    if pool_size >= 2 * num_clusters:
        pool = np.sort(random.choice(usable, pool_size, replace=False))
        rows = pool[_apart(vectors[pool], num_clusters, random)]
    else:
        rows = random.permutation(usable)[:num_clusters]
    drawn = vectors[rows]
    if len(rows) == num_clusters:
        return drawn
    repeated = drawn[np.arange(num_clusters - len(rows)) % len(rows)]
    noise = random.standard_normal(repeated.shape, np.float32) * np.float32(_NOISE / np.sqrt(vectors.shape[1]))
    repeated = repeated + noise
    return np.concatenate([drawn, repeated / np.linalg.norm(repeated, axis=1, keepdims=True)])


def _apart(vectors: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Up to `count` different rows, fewer where fewer vectors differ."""
    rows = random.choice(len(vectors), 1)
    distances = np.full(len(vectors), np.inf, np.float32)
    new = rows
    with tqdm(total=count, desc="directions", disable=None) as progress:
        while True:
            progress.update(len(new))
            for start in range(0, len(vectors), _BLOCK):
                block = vectors[start : start + _BLOCK]
                nearest = 2.0 - 2.0 * (block @ vectors[new].T).max(axis=1)
                own = distances[start : start + _BLOCK]
                np.minimum(own, nearest, out=own)
            distances[new] = 0
            distances[distances < 1e-6] = 0  # the same vector, to rounding
            wanted = min(1 + (count - len(rows) - 1) // _PART_OF_THE_REST, np.count_nonzero(distances))
            if len(rows) == count or not wanted:
                return rows
            shares = distances.astype(np.float64) ** 2
            new = random.choice(len(vectors), wanted, replace=False, p=shares / shares.sum())
            rows = np.concatenate([rows, new])
