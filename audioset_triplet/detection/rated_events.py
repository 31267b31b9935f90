"""The events that rated windows are in, at the thresholds where precision is estimated.

Shapes: m ratings, k thresholds, v events of all thresholds.
"""

from typing import List

import numpy as np

from audioset_triplet.detection import peaks
from audioset_triplet.detection.cross_validation import OutOfFold
from audioset_triplet.detection.peaks import Joining
from audioset_triplet.detection.rated_examples import Examples
from audioset_triplet.store.heads import RatedEvents

_MOST_THRESHOLDS = 100  # of a class


def of_ratings(examples: Examples, out_of_fold: OutOfFold, columns: List[int], joining: Joining) -> RatedEvents:
    """The events of some classes, which are numbered as in `columns`.

    Args:
        examples: the ratings.
        out_of_fold: their scores.
        columns: the classes.
        joining: which windows join.
    """
    of_classes = [_of_class(examples, out_of_fold, column, joining) for column in columns]
    numbers = [np.full(len(one[0]), place, np.int64) for place, one in enumerate(of_classes)]
    return RatedEvents(np.concatenate(numbers), *map(np.concatenate, zip(*of_classes)))


def _of_class(examples: Examples, out_of_fold: OutOfFold, column: int, joining: Joining) -> List[np.ndarray]:
    """Thresholds, scores, whether they are present, and weights, [v] each."""
    rows = np.flatnonzero((examples.columns == column) & np.isfinite(out_of_fold.scores))
    distinct = np.unique(out_of_fold.scores[rows])
    chosen = np.unique(np.linspace(0, len(distinct) - 1, min(len(distinct), _MOST_THRESHOLDS)).round().astype(int))
    thresholds = distinct[chosen]
    pieces: List[np.ndarray] = [np.zeros([6, 0])]  # threshold, clip, first and last window, score, row of each rating
    for row in rows.tolist():
        number = int(examples.clip_of[examples.rated[row]])
        starts, of_clip = examples.clips[number].start_seconds, out_of_fold.of_clips[number, column]
        count = int(np.searchsorted(thresholds, out_of_fold.scores[row], side="right"))
        spans = peaks.spans(starts, of_clip, int(out_of_fold.windows[row]), thresholds[:count], joining)
        pieces.append(np.stack([np.arange(count), np.full(count, number), *spans, np.full(count, row)]))
    *places, scores, of_rows = np.concatenate(pieces, axis=1)
    threshold, clip, first, last, of_rows = (values.astype(np.int64) for values in (*places, of_rows))
    sizes = len(thresholds), len(examples.clips), first.max(initial=0) + 1
    _, events, of_events = np.unique(
        np.ravel_multi_index((threshold, clip, first), sizes), return_index=True, return_inverse=True
    )
    flags = examples.is_present, ~examples.is_random
    is_present, is_chosen = (np.bincount(of_events, one[of_rows], len(events)) > 0 for one in flags)
    weights = np.where(is_chosen, 1.0, 1 / (last - first + 1)[events])
    return [thresholds[threshold[events]], scores[events], is_present, weights]
