"""Questions of files, folders and gold lists as the screens that raters see, one for each interval of a clip."""

from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from audioset_triplet.labelling.events import Candidate, Interval, Question, interval_of
from audioset_triplet.labelling.votes import GOLD
from audioset_triplet.store.questions import FILE, Questions
from audioset_triplet.store.ratings import Ratings


def of_questions(questions: Questions, names: Mapping[str, str] = {}) -> List[Question]:
    """The rows of a file, those of one interval together, in the order of their first rows.

    Args:
        questions: the rows.
        names: id of a class -> its name, which the log has; a label that is no id stays as it is.
    """
    rows = zip(questions.labels, questions.scores, questions.sources, questions.details)
    candidates = (
        Candidate(names.get(label, label), None if np.isnan(score) else float(score), source, details)
        for label, score, source, details in rows
    )
    return _grouped(questions.clip_ids, questions.start_seconds, questions.end_seconds, candidates)


def of_gold(ratings: Ratings, names: Mapping[str, str] = {}) -> List[Question]:
    """Questions whose answers are known: the rows of a file of ratings; `names` as for `of_questions`."""
    candidates = (
        Candidate(names.get(label, label), None, FILE, {GOLD: answer})
        for label, answer in zip(ratings.labels, ratings.answers)
    )
    return _grouped(ratings.clip_ids, ratings.start_seconds, ratings.end_seconds, candidates)


def of_clips(clip_ids: Sequence[str]) -> List[Question]:
    """ "What is it?" of whole clips."""
    return [Question(clip_id, None, None, (Candidate("", None, FILE),)) for clip_id in clip_ids]


def _grouped(
    clip_ids: np.ndarray, starts: np.ndarray, ends: np.ndarray, candidates: Iterable[Candidate]
) -> List[Question]:
    """One question for each interval; of a label that is given twice the first row counts."""
    groups: Dict[Interval, Tuple[Optional[float], Optional[float], Dict[str, Candidate]]] = {}
    for clip_id, start, end, candidate in zip(clip_ids, starts, ends, candidates):
        times = None if np.isnan(start) else float(start), None if np.isnan(end) else float(end)
        *_, labels = groups.setdefault(interval_of(clip_id, *times), (*times, {}))
        labels.setdefault(candidate.label, candidate)
    return [
        Question(interval[0], start, end, tuple(labels.values())) for interval, (start, end, labels) in groups.items()
    ]
