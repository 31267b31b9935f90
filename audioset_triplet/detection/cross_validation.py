"""Scores of rated intervals by heads that did not see their recordings.

Recordings are put into folds so that every fold has its share of the ratings of each class and kind: present, and not
present. Iterative stratification (Sechidis et al. 2011, "On the stratification of multi-label data", section 3.3), with
whole recordings in place of single examples.

Shapes: m ratings, r intervals, w windows, n recordings, C classes.
"""

import collections
from typing import Dict, List, NamedTuple, Set, Tuple

import numpy as np

from audioset_triplet.detection import fitting
from audioset_triplet.detection.rated_examples import Examples
from audioset_triplet.store import heads
from audioset_triplet.store.heads import Layers

Kind = Tuple[int, bool]  # class, and whether it is present


def folds_of_recordings(examples: Examples, num_folds: int, seed: int) -> np.ndarray:
    """The fold of each interval, [r] int64 from 0 to `num_folds` - 1; those of one recording are in one fold.

    The kind with the fewest recordings comes first, and each of its recordings goes into the fold that has the fewest
    of the kind, then the fewest ratings.
    """
    counts: Dict[str, Dict[Kind, int]] = {name: collections.Counter() for name in sorted(set(examples.recordings))}
    for interval, column, is_present in zip(examples.rated, examples.columns, examples.is_present):
        counts[examples.recordings[interval]][int(column), bool(is_present)] += 1
    names = [list(counts)[place] for place in np.random.default_rng(seed).permutation(len(counts))]
    recordings_of: Dict[Kind, Set[str]] = {}
    for name in names:
        for kind in counts[name]:
            recordings_of.setdefault(kind, set()).add(name)
    in_fold: List[Dict[Kind, int]] = [collections.Counter() for _ in range(num_folds)]
    fold_of: Dict[str, int] = {}
    for kind in sorted(recordings_of, key=lambda kind: (len(recordings_of[kind]), kind)):
        for name in names:
            if name in recordings_of[kind] and name not in fold_of:
                fold = min(range(num_folds), key=lambda fold: (in_fold[fold][kind], sum(in_fold[fold].values()), fold))
                fold_of[name] = fold
                for own, count in counts[name].items():
                    in_fold[fold][own] += count
    return np.array([fold_of[name] for name in examples.recordings], np.int64)


class OutOfFold(NamedTuple):
    """The m ratings by heads that were fitted without the folds of their intervals."""

    scores: np.ndarray  # [m] float64, the largest of the windows of the interval; NaN: the other folds lack a kind
    windows: np.ndarray  # [m] int64, the place of that window in its clip
    of_clips: Dict[Tuple[int, int], np.ndarray]  # number of a clip, class -> scores of all windows of the clip


def scores_out_of_fold(examples: Examples, kind: str, num_folds: int, seed: int) -> OutOfFold:
    """The score of each rating: whether its interval would hold a detection."""
    fold_of = folds_of_recordings(examples, num_folds, seed)
    found = OutOfFold(np.full(len(examples), np.nan), np.zeros(len(examples), np.int64), {})
    clips = examples.clip_of[examples.rated]
    for fold in np.unique(fold_of):
        is_held_out = fold_of[examples.rated] == fold
        columns, layers = fit(examples, ~is_held_out, kind, seed)
        is_held_out &= np.isin(examples.columns, columns)
        for clip in np.unique(clips[is_held_out]).tolist():
            of_windows = heads.scores(layers, examples.clips[clip].vectors)
            for row in np.flatnonzero(is_held_out & (clips == clip)):
                column = int(examples.columns[row])
                scores = found.of_clips[clip, column] = of_windows[:, columns.index(column)]
                places = examples.places_of(examples.rated[row])
                found.windows[row] = places[scores[places].argmax()]
                found.scores[row] = scores[found.windows[row]]
    return found


def fit(examples: Examples, is_chosen: np.ndarray, kind: str, seed: int) -> Tuple[List[int], Layers]:
    """A head on some ratings: the classes that have both kinds of these, ascending, and the layers for them.

    Args:
        examples: all ratings.
        is_chosen: [m] bool: those to learn from.
        kind: logistic or fc.
        seed: of the head.
    """
    both = [
        column
        for column in range(len(examples.classes))
        if len(set(examples.is_present[is_chosen & (examples.columns == column)])) > 1
    ]
    if not both:
        return [], ()
    places = np.full(len(examples.classes), -1)
    places[both] = np.arange(len(both))
    rows = np.flatnonzero(is_chosen & (places[examples.columns] >= 0))
    num_intervals = len(examples.recordings)
    is_positive, is_rated = (np.zeros([num_intervals, len(both)], bool) for _ in range(2))
    where = examples.rated[rows], places[examples.columns[rows]]
    is_positive[where], is_rated[where] = examples.is_present[rows], True
    used = is_rated.any(axis=1)[examples.intervals]
    intervals = examples.intervals[used]
    weights = is_rated[intervals] * examples.weights[used][:, None]
    return both, fitting.fit(kind, examples.vectors[used], is_positive[intervals], weights, seed)
