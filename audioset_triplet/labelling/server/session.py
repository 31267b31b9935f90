"""What the rating page may do with the annotation log: hand out questions, take answers, undo them, say how far one is.

All methods are for several threads. Every answer is in the file of the log before a method returns.

The loop (`loop`) joins here: it takes the ratings so far, and adds the questions that it offers to the log. `next`
hands these out before the others, the latest offer first, also after a restart.
"""

import collections
import dataclasses
import threading
import time
from typing import Any, Deque, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from audioset_triplet.config.voting import VotingConfig
from audioset_triplet.detection import rated_examples
from audioset_triplet.detection.rated_examples import Rated
from audioset_triplet.labelling import votes
from audioset_triplet.labelling.annotation_log import AlreadyAnswered, AnnotationLog
from audioset_triplet.labelling.class_names import ClassNames
from audioset_triplet.labelling.events import Answer, Question

_OFFER = "offer"  # in the details of a candidate: the number of the offer
_NUM_FOLLOWING = 2  # questions that the page may fetch in advance
_NUM_COMPLETIONS = 12
_NUM_RATED = 20  # latest answers, whose times give the rate
_LONGEST_PAUSE_SECONDS = 120.0  # a longer time between two answers is a break, and not part of the rate
_LONGEST_NAME, _LONGEST_TEXT = 40, 2000  # characters


class BadRequest(Exception):
    """A request that is no answer, or names no question; the message says why."""


class Conflict(Exception):
    """The question has an answer of this rater already."""


class Session:
    """The raters' view of an annotation log."""

    def __init__(self, log: AnnotationLog, names: ClassNames) -> None:
        self._log = log
        self._names = names
        self._lock = threading.Lock()
        self._times: Dict[str, Deque[float]] = {}  # rater -> when the latest answers came
        self._offered = _offers(log)
        self._seen_labels = {label: None for answer in log.answers.values() for label in answer.added}

    def question(self, number: int) -> Question:
        """A question of the log; a BadRequest for another number."""
        with self._lock:
            if number not in self._log.questions:
                raise BadRequest(f"there is no question {number}")
            return self._log.questions[number]

    def next(self, rater: str) -> Dict[str, Any]:
        """What the page shows next: see `app`."""
        with self._lock:
            return self._next(checked_rater(rater))

    def answer(self, values: Mapping[str, Any]) -> Dict[str, Any]:
        """Keeps an answer, and returns what `next` does.

        Args:
            values: of the request, see `app`.

        Raises:
            BadRequest: it is no answer to a question of the log.
            Conflict: the rater has answered the question in another window.
            UserError: the log cannot be written; nothing is kept.
        """
        with self._lock:
            answer = self._answer_of(values)
            try:
                self._log.add_answer(answer)
            except AlreadyAnswered as error:
                raise Conflict("this question has your answer already, from another window") from error
            except ValueError as error:
                raise BadRequest(str(error)) from error
            self._seen_labels.update(dict.fromkeys(answer.added))
            self._times.setdefault(answer.rater, collections.deque(maxlen=_NUM_RATED)).append(time.monotonic())
            return self._next(answer.rater)

    def undo(self, values: Mapping[str, Any]) -> Dict[str, Any]:
        """Takes the latest answer of a rater back; returns what `next` does, with the answer as `undone`.

        Raises:
            BadRequest: the rater has no answer.
            UserError: the log cannot be written; the answer still counts.
        """
        with self._lock:
            rater = checked_rater(values.get("rater"))
            answer = self._log.undo(rater, _text(values, "key"))
            if answer is None:
                raise BadRequest("there is nothing to undo")
            undone = {"ratings": dict(answer.ratings), "added": list(answer.added), "comment": answer.comment}
            return {**self._next(rater, answer.question), "undone": undone}

    @property
    def num_questions(self) -> int:
        """How many questions the log has."""
        with self._lock:
            return len(self._log.questions)

    def rated(self, voting: VotingConfig) -> Rated:
        """The ratings that votes decide so far."""
        with self._lock:
            return rated_examples.of_log(self._log, voting)

    def asked(self, label: str) -> Dict[str, List[Tuple[float, float]]]:
        """Clip id -> the intervals that raters are asked about a label, or have added it to; in seconds."""
        with self._lock:
            pairs = {(question.interval, one) for question in self._log.questions.values() for one in question.labels}
            pairs.update(votes.of_log(self._log))
        intervals: Dict[str, List[Tuple[float, float]]] = {}
        for (clip_id, start, end), one in pairs:
            if one == label:
                times = (0.0 if start is None else start / 1000, float("inf") if end is None else end / 1000)
                intervals.setdefault(clip_id, []).append(times)
        return intervals

    def offer(self, questions: Sequence[Question]) -> int:
        """Adds questions that are to come next, and returns how many are new.

        Raises:
            UserError: the log cannot be written.
        """
        with self._lock:
            offer = 1 + max(self._offered, default=0)
            first = 1 + max(self._log.questions, default=-1)
            num_new = self._log.add_questions([_of_offer(question, offer) for question in questions])
            self._offered[offer] = list(range(first, first + num_new))
            return num_new

    def completions(self, text: str) -> List[Dict[str, Any]]:
        """Names for what a rater has typed, with what is known of them."""
        with self._lock:
            found = [vars(name) for name in self._names.search(text, _NUM_COMPLETIONS)]
            names = {one["name"] for one in found}
            seen = [label for label in self._seen_labels if text.strip().casefold() in label.casefold()]
            new = [{"name": label, "description": "", "examples": ()} for label in seen if label not in names]
            return [*found, *new][:_NUM_COMPLETIONS]

    def _next(self, rater: str, first: Optional[int] = None) -> Dict[str, Any]:
        numbers = [] if first is None else [first]
        for number in self._open_questions(rater):
            if len(numbers) > _NUM_FOLLOWING:
                break
            if number not in numbers:
                numbers.append(number)
        question = self._described(numbers[0]) if numbers else None
        return {"question": question, "following": numbers[1:], "progress": self._progress(rater)}

    def _open_questions(self, rater: str) -> Iterator[int]:
        """Those of offers, the latest offer first, then the others; the questions of offers come twice."""
        for offer in sorted(self._offered, reverse=True):
            yield from (number for number in self._offered[offer] if self._log.answer_of(number, rater) is None)
        yield from self._log.open_questions(rater)

    def _described(self, number: int) -> Dict[str, Any]:
        question = self._log.questions[number]
        has_times = question.start_seconds is not None
        return {
            "number": number,
            "clip_id": question.clip_id,
            "segment": [question.start_seconds, question.end_seconds] if has_times else None,
            "candidates": [{**vars(self._names.get(label)), "name": label} for label in question.labels],
        }

    def _progress(self, rater: str) -> Dict[str, Any]:
        times = self._times.get(rater, ())
        pauses = [min(later - earlier, _LONGEST_PAUSE_SECONDS) for earlier, later in zip(list(times), list(times)[1:])]
        return {
            "answered": self._log.num_answered(rater),
            "total": len(self._log.questions),
            "per_hour": round(3600 * len(pauses) / max(sum(pauses), 1e-3)) if len(pauses) > 2 else None,
        }

    def _answer_of(self, values: Mapping[str, Any]) -> Answer:
        """The answer of a request."""
        number, ratings, seconds = values.get("question"), values.get("ratings", {}), values.get("seconds")
        if type(number) is not int or number not in self._log.questions:
            raise BadRequest(f"there is no question {number!r}")
        if not isinstance(ratings, dict) or not all(isinstance(text, str) for text in ratings.values()):
            raise BadRequest("ratings are an object of texts")
        if seconds is not None and type(seconds) not in (int, float):
            raise BadRequest("seconds are a number")
        question = self._log.questions[number]
        missing = set(question.labels) - set(ratings)
        if ratings and missing:
            raise BadRequest(f"{min(missing)} has no rating")
        try:
            return Answer(
                question=number,
                rater=checked_rater(values.get("rater")),
                ratings=ratings,
                added=self._labels(values.get("added", []), question),
                is_unknown=values.get("unknown") is True,
                skip_reason=_text(values, "skip"),
                comment=_text(values, "comment"),
                seconds=None if seconds is None else round(float(seconds), 2),
                key=_text(values, "key"),
            )
        except ValueError as error:
            raise BadRequest(str(error)) from error

    def _labels(self, added: Any, question: Question) -> Tuple[str, ...]:
        """Labels that a rater typed, by the names that they have in the lists."""
        if not isinstance(added, list) or not all(isinstance(label, str) and label.strip() for label in added):
            raise BadRequest("added labels are a list of names")
        names = [self._names.meant(label) or " ".join(label.split())[:_LONGEST_TEXT] for label in added]
        classes = set(self._log.classes.values())
        unknown = [name for name in names if name not in classes]
        if self._log.clustering is not None and unknown and not question.labels:
            raise BadRequest(f"{unknown[0]} is none of the classes of this log, which clusters get as labels")
        return tuple(name for name in dict.fromkeys(names) if name not in question.labels)


def _of_offer(question: Question, offer: int) -> Question:
    """A question that says to which offer it belongs."""
    candidates = (dataclasses.replace(one, details={**one.details, _OFFER: offer}) for one in question.candidates)
    return dataclasses.replace(question, candidates=tuple(candidates))


def _offers(log: AnnotationLog) -> Dict[int, List[int]]:
    """Number of an offer -> its questions."""
    offers: Dict[int, List[int]] = {}
    for number, question in log.questions.items():
        offer = question.candidates[0].details.get(_OFFER)
        if type(offer) is int:  # a file of questions may have details of any kind
            offers.setdefault(offer, []).append(number)
    return offers


def checked_rater(name: Any) -> str:
    """The name of a rater without spaces around it; a BadRequest for what is none."""
    text = " ".join(name.split()) if isinstance(name, str) else ""
    if not 0 < len(text) <= _LONGEST_NAME or not text.isprintable():
        raise BadRequest(f"a rater has a name of at most {_LONGEST_NAME} characters")
    return text


def _text(values: Mapping[str, Any], name: str) -> str:
    text = values.get(name) or ""
    if not isinstance(text, str) or len(text) > _LONGEST_TEXT:
        raise BadRequest(f"{name} is a text of at most {_LONGEST_TEXT} characters")
    return text.strip()
