"""Weighted nearest neighbours with plain loops (Wu et al. 2018, section 3.4), votes as shares."""

import math
from typing import List, Sequence, Tuple

import numpy as np


def scores(
    queries: np.ndarray,
    training: np.ndarray,
    labels: Sequence[Tuple[int, ...]],
    classes: Sequence[int],
    k: int,
    temperature: float,
) -> np.ndarray:
    """[q, C] from all cosines of queries [q, D] and training vectors [n, D]."""
    rows: List[List[float]] = []
    for query in queries:
        cosines = [float(np.dot(query.astype(np.float64), one.astype(np.float64))) for one in training]
        nearest = sorted(range(len(training)), key=lambda row: -cosines[row])[:k]
        weights = [math.exp(cosines[row] / temperature) for row in nearest]
        votes = [
            sum(weight for row, weight in zip(nearest, weights) if label in labels[row]) / sum(weights)
            for label in classes
        ]
        rows.append(votes)
    return np.array(rows)
