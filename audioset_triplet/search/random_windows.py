"""Windows of a store drawn at random: what scores look like where nothing is searched for.

Shapes: S drawn windows, D embedding size.
"""

from typing import List

import numpy as np

from audioset_triplet.search import store_index
from audioset_triplet.store import embedding_parts, parquet, window_parts

NUM_WINDOWS = 2048  # as Perch-Hoplite draws
_MOST_PARTS = 64  # 0.5 GB of parts of a large store are read


def draw(folder: str, count: int = NUM_WINDOWS, seed: int = 0) -> np.ndarray:
    """Embeddings [S, D] of windows, each at most once; of a large store they are of 64 parts, drawn by their size.

    Args:
        folder: the store.
        count: S, or all windows if there are fewer.
        seed: of the draws.

    Raises:
        UserError: what `embeddings.part_batches` raises.
    """
    random = np.random.default_rng(seed)
    paths = embedding_parts.part_paths(folder)
    sizes = np.array([_num_rows(path) for path in paths], np.int64)
    filled = np.flatnonzero(sizes)
    if len(filled) > _MOST_PARTS:
        filled = np.sort(random.choice(filled, _MOST_PARTS, replace=False, p=sizes[filled] / sizes.sum()))
    firsts = np.concatenate([[0], np.cumsum(sizes[filled])])
    rows = np.sort(random.choice(firsts[-1], min(count, int(firsts[-1])), replace=False))
    vectors: List[np.ndarray] = []
    for part, first in zip(filled, firsts):
        of_part = rows[(rows >= first) & (rows < first + sizes[part])] - first
        for block in store_index.blocks(paths[part]) if len(of_part) else ():
            positions = of_part - block.first_row
            vectors.append(block.vectors(positions[(positions >= 0) & (positions < len(block.values))]))
    return np.concatenate(vectors)


def _num_rows(path: str) -> int:
    with window_parts.damage_named(path):
        return parquet.num_rows(path)
