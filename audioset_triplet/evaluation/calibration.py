"""Calibration: whether what is predicted with probability p is true in a share p of the cases.

The reliability diagram and the expected calibration error with bins of equal width (Guo et al. 2017, "On calibration of
modern neural networks", section 2).

Shapes: m predictions.
"""

import dataclasses
from typing import List, Optional, Sequence

import numpy as np

NUM_BINS = 10


@dataclasses.dataclass(frozen=True)
class Bin:
    """Predictions of similar probability: a dot of the reliability diagram."""

    predicted: float  # their weighted mean
    observed: float  # weighted share of them that is true
    share: float  # of the weight of all predictions


def reliability(predicted: np.ndarray, is_true: np.ndarray, weights: Optional[np.ndarray] = None) -> List[Bin]:
    """The bins of predictions, by probability, from 0 to 1 in steps of 0.1; empty ones are left out.

    Args:
        predicted: [m], probabilities.
        is_true: [m], bool.
        weights: [m], positive; None: equal ones.
    """
    predicted = np.asarray(predicted, np.float64)
    weights = np.ones(len(predicted)) if weights is None else weights
    indices = np.minimum((predicted * NUM_BINS).astype(int), NUM_BINS - 1)
    sums, totals, hits = (
        np.bincount(indices, weights * values, NUM_BINS) for values in (np.ones_like(predicted), predicted, is_true)
    )
    everything = sums.sum()
    return [
        Bin(total / weight, hit / weight, weight / everything)
        for weight, total, hit in zip(sums, totals, hits)
        if weight > 0
    ]


def error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: the mean of |predicted - observed| over the bins, weighted by their shares."""
    return float(sum(one.share * abs(one.predicted - one.observed) for one in bins))
