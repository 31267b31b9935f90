"""The precision of what reaches a threshold in an archive, of its windows and of its events, as ratings say it.

Ratings are mostly of what scored high. Such a rating stands for fewer windows of the archive than one of what scored
low, and a plain share of ratings would promise too much. So each rating weighs as many windows of the archive as it
stands for: ratings are put into strata of similar scores, and the windows of the archive with scores of a stratum are
divided among its ratings (post-stratification; Horvitz and Thompson 1952 weigh by how a sample was drawn). What is left
is the assumption that within a stratum the rated windows are like the others; that holds for ratings that were chosen
at random or by their score, and not for a list that a person made.

An event is right where the class is present in any window of it. A rating tells of the event that its window is in at
the threshold; an event counts once, as right where one of its ratings is present. So rated events are a sample of
events, and weigh as many events of the archive as they stand for, in strata by the highest score of an event. Windows
drawn at random meet long events more often, which are right more often: within its stratum an event that only they met
weighs 1 / its windows (Horvitz and Thompson). The class may be present in a window that nobody rated, so that the
estimate is rather low.

The interval is that of Wilson (1927), with the effective number of ratings (sum w)^2 / sum w^2 (Kish 1965).

Shapes: n ratings of one class, k thresholds, the distinct scores, descending, or edges,
the same ascending.
"""

import dataclasses
from typing import Optional, Tuple

import numpy as np
from scipy import special

from audioset_triplet.store.heads import RatedEvents

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


def event_curve(events: RatedEvents, confidence: float, counts: Optional[np.ndarray] = None) -> PrecisionCurve:
    """The curve of the events of a class.

    Args:
        events: of the class, one or more.
        confidence: as for `precision_curve`.
        counts: [k, k] events of the archive, as `count_events` counts them between the thresholds; None: not counted.
    """
    edges = np.unique(events.thresholds)
    precisions, lows, highs = np.zeros([3, len(edges)])
    num_events = np.zeros(len(edges), np.int64)
    above = None if counts is None else counts.cumsum(axis=1)  # score x threshold: the events there
    bins = np.searchsorted(edges, events.scores, side="right") - 1
    for place, edge in enumerate(edges):
        rows = events.thresholds == edge
        weights = events.weights[rows]
        if above is not None:
            firsts = np.unique(bins[rows])
            firsts[0] = place  # what nobody rated counts with the lowest that are rated
            in_bins = np.add.reduceat(above[:, place], firsts)
            weights = archive_weights(bins[rows], in_bins, weights)
        curve = precision_curve(bins[rows], events.is_present[rows], confidence, weights)
        precisions[place], lows[place], highs[place] = curve.precisions[-1], curve.lows[-1], curve.highs[-1]
        num_events[place] = curve.num_ratings[-1]
    return PrecisionCurve(*(values[::-1] for values in (edges, precisions, lows, highs, num_events)))


def lower_of(events: PrecisionCurve, windows: PrecisionCurve) -> PrecisionCurve:
    """The lower of two precisions at each threshold of the events.

    At a low threshold a whole clip is one event, in which the class is present somewhere: its windows tell.
    """
    places = np.searchsorted(-windows.thresholds, -events.thresholds)
    return PrecisionCurve(
        events.thresholds,
        np.minimum(events.precisions, windows.precisions[places]),
        np.minimum(events.lows, windows.lows[places]),
        np.minimum(events.highs, windows.highs[places]),
        events.num_ratings,
    )


def count_events(edges: np.ndarray, scores: np.ndarray, bases: np.ndarray) -> np.ndarray:
    """[k, k] int64: the peaks whose score is at least the edge of the row and below the next one, and that are a peak
    from the edge of the column on. The events at an edge are those of its row and above, and of its column and before.
    """
    rows = np.searchsorted(edges, scores, side="right") - 1
    columns = np.searchsorted(edges, bases, side="right")
    is_event = columns <= rows
    places = rows[is_event] * len(edges) + columns[is_event]
    return np.bincount(places, minlength=len(edges) ** 2).reshape(2 * [len(edges)])


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


def archive_weights(scores: np.ndarray, counts: np.ndarray, weights: Optional[np.ndarray] = None) -> np.ndarray:
    """How many windows, or events, of the archive each rating stands for, [n]; a stratum at least for its ratings.

    From the highest score down, strata have `LEAST_RATINGS` ratings or more; equal scores are in one stratum.

    Args:
        scores: [n].
        counts: [k] windows of the archive, as `count_windows` counts them between the distinct scores, ascending.
        weights: [n] within a stratum; None: equal ones.
    """
    weights = np.ones(len(scores)) if weights is None else weights
    _, places, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    descending = []
    stratum, num_in_stratum, num_left = 0, 0, len(scores)
    for size in sizes[::-1].tolist():
        descending.append(stratum)
        num_in_stratum, num_left = num_in_stratum + size, num_left - size
        if num_in_stratum >= LEAST_RATINGS and num_left >= LEAST_RATINGS:
            stratum, num_in_stratum = stratum + 1, 0
    strata = np.array(descending[::-1], np.int64)
    totals = np.maximum(np.bincount(strata, counts), np.bincount(strata, sizes))
    own = strata[places]
    return weights * (totals / np.bincount(own, weights))[own]


def histogram(scores: np.ndarray) -> np.ndarray:
    """[NUM_BINS] int64: how many scores are in each bin of equal width from 0 to 1."""
    return np.histogram(scores, NUM_BINS, (0.0, 1.0))[0]
