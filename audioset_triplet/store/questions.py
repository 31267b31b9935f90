"""Questions: what a person is asked about clips, whoever asks; a CSV or a Parquet file, a row for each label.

The columns of `store.intervals`, and what led to the question:

    segment_id, start_time_seconds, end_time_seconds    without times: the whole clip
    label       "is this in it?", by the id or the name of a class; empty: "what is it?"
    score       number by which the row was chosen, such as a score or a distance; empty: none
    source      one of `SOURCES`; empty: file
    details     JSON object with whatever the source knows, such as the exemplar and the model; empty: nothing

Rows of one clip and one interval are one screen, with several candidate labels. The last three columns may be missing.

Shapes: n rows.
"""

import dataclasses
import json
from typing import Any, Dict, List, Sequence

import numpy as np

from audioset_triplet import tables
from audioset_triplet.errors import UserError
from audioset_triplet.store import intervals
from audioset_triplet.store.intervals import Intervals, Rows

CLUSTER, MINED, TOP, UNCERTAIN, NEAR_SCORE, RANDOM, FILE = SOURCES = (
    "cluster",  # a clip of a cluster
    "mined",  # similar to exemplars
    "top",  # highest score of a classifier
    "uncertain",  # score nearest to a half
    "near_score",  # score nearest to a given one
    "random",
    "file",  # a person's list
)
_OTHERS = ("score", "source", "details")
COLUMNS = (*intervals.COLUMNS, *_OTHERS)


@dataclasses.dataclass(frozen=True)
class Questions(Intervals):
    """n rows, in the order of their file; `labels` are empty for "what is it?"."""

    scores: np.ndarray  # [n] float64; NaN: none
    sources: np.ndarray  # [n] str objects of `SOURCES`
    details: Sequence[Dict[str, Any]]  # [n] JSON objects


def read(path: str) -> Questions:
    """The questions of a file.

    Raises:
        UserError: what `intervals.read` raises; an unknown source, a score that is not finite, details that are no
            JSON object; with the line.
    """
    empty = ("label", *_OTHERS)
    rows = intervals.read(path, whole_clips=True, may_be_empty=empty)
    columns = [name for name in _OTHERS if name in rows.header]
    rows = intervals.read(path, (*intervals.COLUMNS, *columns), whole_clips=True, may_be_empty=empty)
    nothing = [""] * len(rows.intervals)
    scores, sources, details = (rows.others.get(name, nothing) for name in _OTHERS)
    return Questions(
        **vars(rows.intervals),
        scores=np.array([_score(text, rows, row) for row, text in enumerate(scores)], np.float64),
        sources=np.array([_source(text, rows, row) for row, text in enumerate(sources)], object),
        details=[_details(text, rows, row) for row, text in enumerate(details)],
    )


def write(path: str, questions: Questions) -> None:
    """The inverse of `read`: CSV, or Parquet where the name ends in .parquet."""
    others: Dict[str, List[str]] = {
        "score": ["" if np.isnan(score) else repr(float(score)) for score in questions.scores],
        "source": list(questions.sources),
        "details": [json.dumps(one, ensure_ascii=False) if one else "" for one in questions.details],
    }
    intervals.write(path, questions, others)


def _score(text: str, rows: Rows, row: int) -> float:
    if not text:
        return np.nan
    value = tables.number(text, "score", rows.where(row))
    if not np.isfinite(value):
        raise UserError(f"{rows.where(row)}: score is {text}, which is not finite.")
    return value


def _source(text: str, rows: Rows, row: int) -> str:
    if text and text not in SOURCES:
        raise UserError(f"{rows.where(row)}: source is {text!r}, not one of {', '.join(SOURCES)}.")
    return text or FILE


def _details(text: str, rows: Rows, row: int) -> Dict[str, Any]:
    try:
        values = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise UserError(f"{rows.where(row)}: details are no JSON ({error}).") from error
    if not isinstance(values, dict):
        raise UserError(f"{rows.where(row)}: details are a {type(values).__name__}, not a JSON object.")
    return values
