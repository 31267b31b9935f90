"""Ratings: what a person hears of a class in a clip, or in an interval of it, such as a window.

A table with tabs, the five columns of AudioSet's framed positives and negatives, whose rows are on a grid of 0.96 s
(audioset_eval_strong_framed_posneg.tsv), or Parquet with the same columns (`store.intervals`):

    segment_id, start_time_seconds, end_time_seconds, label
    present     one of `ANSWERS`; AudioSet's file has the first two. The rating pages of AudioSet ask for all four

A row without times rates the whole clip.

Shapes: n ratings, m pairs.
"""

import dataclasses

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.store import intervals
from audioset_triplet.store.intervals import Intervals

PRESENT, NOT_PRESENT = "PRESENT", "NOT_PRESENT"
UNSURE = "UNSURE"
NOT_ACOUSTIC = "NOT_ACOUSTIC"  # the label fits the video, but cannot be heard
ANSWERS = (PRESENT, NOT_PRESENT, UNSURE, NOT_ACOUSTIC)
COLUMNS = (*intervals.COLUMNS, "present")


@dataclasses.dataclass(frozen=True)
class Ratings(Intervals):
    """n ratings, in the order of their file; several may be of one pair of an interval and a class."""

    answers: np.ndarray  # [n] str objects of `ANSWERS`


@dataclasses.dataclass(frozen=True)
class RatedPairs(Intervals):
    """The m pairs of an interval and a class that ratings decide, each once, and how many ratings decide none."""

    is_present: np.ndarray  # [m] bool
    num_unsure: int  # ratings
    num_not_acoustic: int  # ratings, which count as not present
    num_contradictory: int  # pairs that are left out


def read(path: str) -> Ratings:
    """The ratings of a file.

    Raises:
        UserError: what `intervals.read` raises; a rating that is none of `ANSWERS`, with the line.
    """
    rows = intervals.read(path, COLUMNS, whole_clips=True)
    answers = rows.others["present"]
    unknown = set(answers) - set(ANSWERS)
    if unknown:
        row = next(row for row, answer in enumerate(answers) if answer in unknown)
        raise UserError(f"{rows.where(row)}: present is {answers[row]!r}, not one of {', '.join(ANSWERS)}.")
    return Ratings(**vars(rows.intervals), answers=np.array(answers, object))


def write(path: str, ratings: Ratings) -> None:
    """The inverse of `read`: a table with tabs, or Parquet where the name ends in .parquet."""
    intervals.write(path, ratings, {"present": list(ratings.answers)})


def decide(ratings: Ratings) -> RatedPairs:
    """What the ratings of each pair say together.

    PRESENT is a positive. NOT_PRESENT is a negative, and so is NOT_ACOUSTIC: what cannot be heard is absent from the
    sound. UNSURE decides nothing. Equal ratings of one pair count once; a pair with a positive and a negative one is
    left out. Times are compared in whole milliseconds, as ids of segments have them.

    Returns:
        The pairs in the order of their first rating.
    """
    is_positive, is_unsure = ratings.answers == PRESENT, ratings.answers == UNSURE
    rows = np.flatnonzero(~is_unsure)
    times = (np.nan_to_num(seconds[rows], nan=-1.0) for seconds in (ratings.start_seconds, ratings.end_seconds))
    keys = zip(
        ratings.clip_ids[rows], ratings.labels[rows], *(np.round(1000 * seconds).astype(np.int64) for seconds in times)
    )
    numbers: dict = {}
    pair = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
    has_positive, has_negative = (
        np.bincount(pair, kind[rows], len(numbers)) > 0 for kind in (is_positive, ~is_positive)
    )
    _, first = np.unique(pair, return_index=True)  # numbers ascend with the first rating
    decided = rows[first[has_positive != has_negative]]
    return RatedPairs(
        ratings.clip_ids[decided],
        ratings.start_seconds[decided],
        ratings.end_seconds[decided],
        ratings.labels[decided],
        is_present=is_positive[decided],
        num_unsure=int(is_unsure.sum()),
        num_not_acoustic=int((ratings.answers == NOT_ACOUSTIC).sum()),
        num_contradictory=int((has_positive & has_negative).sum()),
    )
