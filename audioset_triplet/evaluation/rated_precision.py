"""The precision of the windows of an archive that reach a threshold, as ratings say it, with an interval.

Ratings are mostly of what scored high. Such a rating stands for fewer windows of the archive than one of what scored
low, and a plain share of ratings would promise too much. So each rating weighs as many windows of the archive as it
stands for: ratings are put into strata of similar scores, and the windows of the archive with scores of a stratum are
divided among its ratings (post-stratification; Horvitz and Thompson 1952 weigh by how a sample was drawn). What is left
is the assumption that within a stratum the rated windows are like the others; that holds for ratings that were chosen
at random or by their score, and not for a list that a person made.

The interval is that of Wilson (1927), with the effective number of ratings (sum w)^2 / sum w^2 (Kish 1965).

Shapes: n ratings of one class, k thresholds, the distinct scores, descending.
"""

import dataclasses
from typing import Optional, Tuple

import numpy as np
from scipy import special

LEAST_RATINGS = 5  # of a stratum
NUM_BINS = 20  # of a histogram


@dataclasses.dataclass(frozen=True)
class PrecisionCurve:
    """The precision of what scores at least a threshold."""

    thresholds: np.ndarray  # [k] float64, descending
    precisions: np.ndarray  # [k] from 0 to 1
    lows: np.ndarray  # [k] lower end of the interval
    highs: np.ndarray  # [k]
    num_ratings: np.ndarray  # [k] int64, at or above the threshold

    def lowest(self, precision: float) -> Optional[int]:
        """The index of the lowest threshold whose lower end reaches a precision; None: there is none."""
        reached = np.flatnonzero(self.lows >= precision)
        return int(reached[-1]) if reached.size else None


def precision_curve(
    scores: np.ndarray, is_present: np.ndarray, confidence: float, weights: Optional[np.ndarray] = None
) -> PrecisionCurve:
    """The curve of a class.

    Args:
        scores: [n], finite.
        is_present: [n] bool.
        confidence: with which the precision is not below the lower end, and with which it is not above the upper one.
        weights: [n], positive: how many windows each rating stands for (`archive_weights`); None: equal ones.
    """
    weights = np.ones(len(scores)) if weights is None else weights
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # the last rating of each score
    sums, squares, hits = (
        np.cumsum(values[order].astype(np.float64))[ends] for values in (weights, weights**2, weights * is_present)
    )
    lows, highs = wilson(hits / sums, sums**2 / squares, confidence)
    return PrecisionCurve(scores[order][ends], hits / sums, lows, highs, ends + 1)


def wilson(shares: np.ndarray, counts: np.ndarray, confidence: float) -> Tuple[np.ndarray, np.ndarray]:
    """The two one-sided bounds of Wilson of shares of so many trials; the shares themselves at a confidence of 0.5."""
    z = special.ndtri(confidence)
    middles = (shares + z**2 / (2 * counts)) / (1 + z**2 / counts)
    halves = z / (1 + z**2 / counts) * np.sqrt(shares * (1 - shares) / counts + z**2 / (4 * counts**2))
    return np.clip(middles - halves, 0, 1), np.clip(middles + halves, 0, 1)


def count_windows(edges: np.ndarray, window_scores: np.ndarray) -> np.ndarray:
    """[k] int64: windows whose scores are at least an edge and below the next one, of ascending edges [k]."""
    places = np.searchsorted(edges, window_scores, side="right") - 1
    return np.bincount(places[places >= 0], minlength=len(edges)).astype(np.int64)


def archive_weights(scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """How many windows of the archive each rating stands for, [n]; at least itself.

    From the highest score down, strata have `LEAST_RATINGS` ratings or more; equal scores are in one stratum.

    Args:
        scores: [n].
        counts: [k] windows of the archive, as `count_windows` counts them between the distinct scores, ascending.
    """
    edges, places, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    strata = np.zeros(len(edges), np.int64)
    num_in_stratum = stratum = 0
    for place in range(len(edges) - 1, -1, -1):
        strata[place] = stratum
        num_in_stratum += sizes[place]
        if num_in_stratum >= LEAST_RATINGS and sizes[:place].sum() >= LEAST_RATINGS:
            stratum, num_in_stratum = stratum + 1, 0
    windows = np.bincount(strata, counts)
    ratings = np.bincount(strata, sizes)
    return (np.maximum(windows, ratings) / ratings)[strata][places]


def histogram(scores: np.ndarray) -> np.ndarray:
    """[NUM_BINS] int64: how many scores are in each bin of equal width from 0 to 1."""
    return np.histogram(scores, NUM_BINS, (0.0, 1.0))[0]
