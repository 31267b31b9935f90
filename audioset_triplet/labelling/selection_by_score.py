"""Which clips or windows are asked about, by the scores of a classifier.

Shapes: n rows (clips or windows), C classes.
"""

import collections
import itertools
from typing import Callable, Dict, List, Sequence, Tuple

import numpy as np

from audioset_triplet.labelling.selection import draw_key
from audioset_triplet.store.questions import NEAR_SCORE, TOP, UNCERTAIN


def ranked(scores: np.ndarray, source: str, near: float = 0.5) -> np.ndarray:
    """The rows in the order in which they are asked about one class; of equal ones the first comes first.

    Args:
        scores: [n] of the class, from 0 to 1.
        source: `top`, the highest first; `uncertain`, the smallest margin |2 p - 1| between yes and no first (Settles
            2009, "Active learning literature survey", 3.1); `near_score`, those nearest to `near` first.
        near: a score.
    """
    distances = {
        TOP: lambda: -scores,
        UNCERTAIN: lambda: np.abs(2 * scores - 1),
        NEAR_SCORE: lambda: np.abs(scores - near),
    }
    return np.argsort(distances[source](), kind="stable")


def drawn(names: Sequence[str], seed: int) -> np.ndarray:
    """The rows in the random order of a seed, which depends on their names alone and not on their order."""
    return np.array(sorted(range(len(names)), key=lambda row: draw_key(str(seed), names[row])), np.int64)


def take(
    rows: np.ndarray, clip_ids: Sequence[str], count: int, max_per_clip: int, was_asked: Callable[[int], bool]
) -> List[int]:
    """The first `count` rows that were not asked about, at most so many of one clip.

    Args:
        rows: in the order of choice.
        clip_ids: [n].
        count: of rows.
        max_per_clip: of rows; those that were asked about count.
        was_asked: of a row.
    """
    of_clip: Dict[str, int] = collections.Counter()
    taken: List[int] = []
    for row in rows.tolist():
        if len(taken) == count:
            break
        if of_clip[clip_ids[row]] < max_per_clip:
            of_clip[clip_ids[row]] += 1
            if not was_asked(row):
                taken.append(row)
    return taken


def in_turn(rows_of_class: Sequence[Sequence[int]], budget: int) -> List[Tuple[int, int]]:
    """(class, row) pairs: the first row of every class, then the second of every class, up to `budget`; 0: all."""
    turns = itertools.zip_longest(*rows_of_class)
    pairs = [(column, row) for turn in turns for column, row in enumerate(turn) if row is not None]
    return pairs[:budget] if budget else pairs
