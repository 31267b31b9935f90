"""The annotation log: what people were asked about clips and how they answered, in a file that only grows.

annotations.jsonl has a JSON object on each line. The first line names the classes and, where questions are about
clusters, the clustering (`cluster_log`); each other line is an event, in the order of time:

    {"annotation_log": 3, "clustering": null, "classes": {"0": "dog", "1": "rooster"}}
    {"event": "queried", "question": 0, "clip_id": "a.wav", "start_time_seconds": 1.5, "end_time_seconds": 2.5,
     "candidates": [{"label": "dog", "score": 0.93, "source": "top", "details": {}}],
     "time": "2026-11-29T13:40:12+00:00"}
    {"event": "answered", "answer": 0, "question": 0, "rater": "anna", "ratings": {"dog": "PRESENT"},
     "added": ["Wind"], "is_unknown": false, "skip_reason": "", "comment": "", "seconds": 3.2, "key": "5f1c…",
     "time": "…"}
    {"event": "undone", "answer": 0, "key": "77a0…", "time": "…"}

A question is a screen: an interval of a clip, or without times the whole clip, with its candidate labels; the empty
label asks "what is it?". Times are compared in whole milliseconds. Of the answers of a rater to one question the latest
that was not undone counts. `key` names a request, which counts once however often it comes.

A line is on the disk before anything else happens, and a line that a killed writer or a full disk cut short does not
count: no event is lost, and no rater is asked anything twice. `log_folder` opens logs, for one writer at a time.
"""

import contextlib
import dataclasses
import datetime
import json
import os
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from audioset_triplet.errors import UserError
from audioset_triplet.labelling import events
from audioset_triplet.labelling.events import Answer, Interval, Question


class AlreadyAnswered(Exception):
    """The rater has answered the question, in another window perhaps."""


class AnnotationLog:
    """The questions and answers of a folder; numbers of both are in the order of time."""

    def __init__(self, path: str, clustering: Optional[Dict[str, Any]], classes: Dict[int, str]) -> None:
        self.path = path
        self.clustering = clustering
        self.classes = classes
        self.questions: Dict[int, Question] = {}
        self.answers: Dict[int, Answer] = {}  # without those that were undone
        self._asked: Set[Tuple[Interval, str]] = set()
        self._made: Dict[int, Answer] = {}  # with those that were undone
        self._answers_of: Dict[Tuple[int, str], List[int]] = {}  # question and rater -> numbers of answers
        self._by_key: Dict[str, int] = {}  # key of a request -> the answer that it made or undid
        self._size = self._end = 0  # bytes of the file, and of its whole lines
        self._lacks_line_break = False

    @property
    def raters(self) -> List[str]:
        """Who has answered, in the order of the first answers."""
        return list(dict.fromkeys(answer.rater for answer in self.answers.values()))

    def was_asked(self, interval: Interval, label: str) -> bool:
        """Whether the log has a question about a label in an interval."""
        return (interval, label) in self._asked

    def answer_of(self, question: int, rater: str) -> Optional[Answer]:
        """The answer of a rater that counts."""
        numbers = self._answers_of.get((question, rater))
        return self.answers[numbers[-1]] if numbers else None

    def current_answers(self) -> List[Answer]:
        """The answer of each rater to each question that counts, in the order of time."""
        return [self.answers[number] for number in sorted(numbers[-1] for numbers in self._answers_of.values())]

    def open_questions(self, rater: str) -> Iterator[int]:
        """The questions that a rater has not answered, the earliest first."""
        return (number for number in self.questions if (number, rater) not in self._answers_of)

    def num_answered(self, rater: str) -> int:
        """How many questions a rater has answered."""
        return sum(name == rater for _, name in self._answers_of)

    def add_questions(self, questions: Sequence[Question]) -> int:
        """Writes questions, without the candidates that the log has already; returns how many have any left."""
        new: List[Question] = []
        asked: Set[Tuple[Interval, str]] = set()
        for question in questions:
            candidates = []
            for candidate in question.candidates:
                pair = (question.interval, candidate.label)
                if pair not in self._asked and pair not in asked:
                    candidates.append(candidate)
                    asked.add(pair)
            if candidates:
                new.append(dataclasses.replace(question, candidates=tuple(candidates)))
        first = 1 + max(self.questions, default=-1)
        self._write([events.queried(number, question) for number, question in enumerate(new, first)])
        return len(new)

    def add_answer(self, answer: Answer) -> int:
        """Writes an answer and returns its number; of a key that came before, the number that it had.

        Raises:
            AlreadyAnswered: the rater has answered the question.
            ValueError, UserError: as for `add_answers`.
        """
        if answer.key in self._by_key:
            return self._by_key[answer.key]
        if self.answer_of(answer.question, answer.rater):
            raise AlreadyAnswered(f"{answer.rater} has answered question {answer.question}")
        self.add_answers([answer])
        return max(self._made)

    def add_answers(self, answers: Sequence[Answer]) -> None:
        """Writes answers, all of them or, on an error, none; a later answer of a rater supersedes an earlier one.

        Raises:
            ValueError: one is not an answer to a question of the log.
            UserError: the file cannot be written.
        """
        for answer in answers:
            self._require_fitting(answer)
        first = 1 + max(self._made, default=-1)
        self._write([events.answered(number, answer) for number, answer in enumerate(answers, first)])

    def undo(self, rater: str, key: str = "") -> Optional[Answer]:
        """Writes that the latest answer of a rater does not count; returns it, or None if there is none.

        Raises:
            UserError: the file cannot be written.
        """
        number = self._by_key.get(key)
        if number is None:
            of_rater = (numbers[-1] for (_, name), numbers in self._answers_of.items() if name == rater)
            number = max(of_rater, default=None)
            if number is None:
                return None
            self._write([events.undone(number, key)])
        return self._made[number]

    def take_in(self, data: bytes) -> None:
        """Replays what the file holds behind its first line.

        Args:
            data: the whole file, whose last line may be cut short.

        Raises:
            UserError: a line is damaged or contradicts those before.
        """
        self._size, self._end = len(data), end_of_whole_lines(data)
        self._lacks_line_break = not data[: self._end].endswith(b"\n")
        for number, line in enumerate(data[: self._end].decode().split("\n")[1:], start=2):
            if not line:
                continue
            try:
                self._replay(json.loads(line))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise UserError(f"{self.path}: line {number}: damaged ({error}); mend or remove it.") from error

    def _require_fitting(self, answer: Answer) -> None:
        """Raises a ValueError unless the answer is one to a question of this log."""
        question = self.questions.get(answer.question)
        if question is None:
            raise ValueError(f"there is no question {answer.question}")
        others = set(answer.ratings) - set(question.labels)
        if others:
            raise ValueError(f"question {answer.question} is not about {min(others)!r}")

    def _write(self, new: Sequence[Mapping[str, Any]]) -> None:
        """Appends events to the file, and only then takes them in."""
        if not new:
            return
        time = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        lines = "".join(json.dumps({**event, "time": time}, ensure_ascii=False) + "\n" for event in new)
        self._append((("\n" if self._lacks_line_break else "") + lines).encode())
        for event in new:
            self._replay(event)

    def _append(self, data: bytes) -> None:
        with open(self.path, "r+b", buffering=0) as file:  # a buffer would be written again when it is closed
            if os.fstat(file.fileno()).st_size != self._size:
                raise UserError(f"{self.path}: changed by another program; nothing of this was written: start again.")
            try:
                file.seek(self._end)
                file.truncate()
                written = 0
                while written < len(data):
                    written += file.write(data[written:])
                os.fsync(file.fileno())
            except OSError as error:  # a full disk
                with contextlib.suppress(OSError):
                    os.truncate(self.path, self._end)
                self._size = os.path.getsize(self.path)
                raise UserError(f"{self.path} cannot be written: {error}; nothing of this was written.") from error
        self._size = self._end = self._end + len(data)
        self._lacks_line_break = False

    def _replay(self, event: Mapping[str, Any]) -> None:
        """Takes an event in; a KeyError, TypeError or ValueError if it is none, or contradicts those before."""
        kind = event["event"]
        take_in: Dict[str, Callable[[Mapping[str, Any]], None]] = {
            "queried": self._replay_queried,
            "answered": self._replay_answered,
            "undone": self._replay_undone,
        }
        if kind not in take_in:
            raise ValueError(f"unknown event {kind!r}")
        take_in[kind](event)

    def _replay_queried(self, event: Mapping[str, Any]) -> None:
        number, question = event["question"], events.question_of(event)
        pairs = {(question.interval, candidate.label) for candidate in question.candidates}
        if number in self.questions or self._asked & pairs:
            raise ValueError(f"clip {question.clip_id} is queried twice")
        self.questions[number] = question
        self._asked |= pairs

    def _replay_answered(self, event: Mapping[str, Any]) -> None:
        number, answer = event["answer"], events.answer_of(event)
        self._require_fitting(answer)
        if number in self._made:
            raise ValueError(f"there are two answers {number}")
        self.answers[number] = self._made[number] = answer
        self._answers_of.setdefault((answer.question, answer.rater), []).append(number)
        if answer.key:
            self._by_key[answer.key] = number

    def _replay_undone(self, event: Mapping[str, Any]) -> None:
        number = event["answer"]
        if number not in self.answers:
            raise ValueError(f"answer {number} is undone, which does not count")
        answer = self.answers.pop(number)
        pair = (answer.question, answer.rater)
        self._answers_of[pair].remove(number)
        if not self._answers_of[pair]:
            del self._answers_of[pair]
        if event["key"]:
            self._by_key[event["key"]] = number


def end_of_whole_lines(data: bytes) -> int:
    """Where the last complete line ends.

    A line that was cut short is no JSON object. A last line that is one and lacks only its line break comes from an
    editor, and counts.
    """
    end = data.rfind(b"\n") + 1
    try:
        whole = isinstance(json.loads(data[end:]), dict)
    except ValueError:
        whole = False
    return len(data) if whole else end
