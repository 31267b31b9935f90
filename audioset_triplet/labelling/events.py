"""Questions and answers, and the events of the annotation log that say them as JSON (`annotation_log`)."""

import dataclasses
from typing import Any, Dict, Mapping, Optional, Tuple

from audioset_triplet.store.questions import CLUSTER
from audioset_triplet.store.ratings import ANSWERS

Interval = Tuple[str, Optional[int], Optional[int]]  # clip id, start and end in milliseconds; None: the whole clip


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A label that a question is about; empty: "what is it?"."""

    label: str
    score: Optional[float] = None
    source: str = CLUSTER  # of `store.questions.SOURCES`
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Question:
    """What a rater is asked on one screen."""

    clip_id: str
    start_seconds: Optional[float]  # from the start of the clip; None: the whole clip
    end_seconds: Optional[float]
    candidates: Tuple[Candidate, ...]  # at least one, each label once

    @property
    def interval(self) -> Interval:
        return interval_of(self.clip_id, self.start_seconds, self.end_seconds)

    @property
    def labels(self) -> Tuple[str, ...]:
        """The candidate labels, without the empty one."""
        return tuple(candidate.label for candidate in self.candidates if candidate.label)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a rater says to a question: ratings and labels, or "do not know", or a reason to skip it.

    Raises:
        ValueError: it says nothing, two of these, or a rating that is none.
    """

    question: int
    rater: str
    ratings: Mapping[str, str] = dataclasses.field(default_factory=dict)  # candidate label -> one of `ANSWERS`
    added: Tuple[str, ...] = ()  # labels of what else is heard
    is_unknown: bool = False
    skip_reason: str = ""
    comment: str = ""
    seconds: Optional[float] = None  # from the question to the answer
    key: str = ""  # of the request

    def __post_init__(self) -> None:
        if bool(self.ratings or self.added) + self.is_unknown + bool(self.skip_reason) != 1:
            raise ValueError("an answer has ratings or labels, or does not know, or skips: one of the three")
        wrong = set(self.ratings.values()) - set(ANSWERS)
        if wrong:
            raise ValueError(f"a rating is {min(wrong)!r}, not one of {', '.join(ANSWERS)}")
        if not self.rater.strip() or not all(label.strip() for label in self.added):
            raise ValueError("a rater or a label has no name")


def interval_of(clip_id: str, start_seconds: Optional[float], end_seconds: Optional[float]) -> Interval:
    """A part of a clip with its times in whole milliseconds."""
    times = (start_seconds, end_seconds)
    start, end = (None if time is None else round(1000 * time) for time in times)
    return clip_id, start, end


def queried(number: int, question: Question) -> Dict[str, Any]:
    """The event of a question."""
    return {
        "event": "queried",
        "question": number,
        "clip_id": question.clip_id,
        "start_time_seconds": question.start_seconds,
        "end_time_seconds": question.end_seconds,
        "candidates": [dataclasses.asdict(candidate) for candidate in question.candidates],
    }


def question_of(event: Mapping[str, Any]) -> Question:
    """The inverse of `queried`; a KeyError, TypeError or ValueError for another object."""
    clip_id, candidates = event["clip_id"], tuple(Candidate(**one) for one in event["candidates"])
    labels = [candidate.label for candidate in candidates]
    if not isinstance(clip_id, str) or not labels or len(set(labels)) < len(labels):
        raise ValueError(f"clip {clip_id} is queried about nothing, or twice about one label")
    return Question(clip_id, event["start_time_seconds"], event["end_time_seconds"], candidates)


def answered(number: int, answer: Answer) -> Dict[str, Any]:
    """The event of an answer."""
    return {"event": "answered", "answer": number, **dataclasses.asdict(answer)}


def answer_of(event: Mapping[str, Any]) -> Answer:
    """The inverse of `answered`; a KeyError, TypeError or ValueError for another object."""
    fields = {field.name: event[field.name] for field in dataclasses.fields(Answer)}
    return Answer(**{**fields, "added": tuple(fields["added"])})


def undone(answer: int, key: str) -> Dict[str, Any]:
    """The event that an answer does not count any more."""
    return {"event": "undone", "answer": answer, "key": key}
