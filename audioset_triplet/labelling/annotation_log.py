"""What people were asked and what they answered: a file that only grows, labels.jsonl, a JSON object on each line.

The first line says what the questions are about, each other one what happened, in the order in which it happened:

    {"ledger": 1, "clustering": {"model_id": "…", "method": "entropy", "num_clusters": 400, "digest": "…"},
     "classes": {"0": "dog", "1": "rooster"}}
    {"event": "asked", "clip_id": "1-100032-A-0", "cluster": 17, "cluster_size": 43, "round": 1, "draw": "random",
     "seed": 0, "time": "2026-11-25T13:40:12+00:00"}
    {"event": "answered", "clip_id": "1-100032-A-0", "labels": ["dog"], "by": "label-studio", "time": "…"}

`labels` are names of classes; an empty list says that the person does not know. A line is on the disk before anything
else is done, and a line that a killed writer or a full disk cut is as if it had never been begun: what was asked and
answered is never lost, and nothing is asked twice. One writer at a time.
"""

import collections
import contextlib
import dataclasses
import datetime
import json
import os
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from audioset_triplet import files
from audioset_triplet.errors import UserError

NAME = "labels.jsonl"
VERSION = 1
UNKNOWN = "?"  # where a person writes a class: whoever was asked does not know
SEPARATOR = ";"  # between several classes


@dataclasses.dataclass(frozen=True)
class Question:
    """A clip that somebody is to listen to, on behalf of its cluster."""

    clip_id: str
    cluster: int
    cluster_size: int  # clips, this one included
    round: int  # the questions of one call of `ask` have a number, and files to be filled in, of their own
    draw: str  # how the clip was chosen: one of choice.MEMBERS
    seed: int


@dataclasses.dataclass(frozen=True)
class Answer:
    """What somebody heard in a clip."""

    clip_id: str
    labels: Tuple[str, ...]  # names of classes, in the order of their indices; empty: whoever was asked does not know
    by: str  # oracle, file or label-studio


class Ledger:
    """The questions and answers of a folder."""

    def __init__(self, path: str, clustering: Dict[str, Any], classes: Dict[int, str]) -> None:
        self._path = path
        self.clustering = clustering
        self.classes = classes
        self.questions: Dict[str, Question] = {}  # clip id -> its question, in the order in which they were asked
        self.answers: Dict[str, Answer] = {}  # clip id -> its answer

    def open_questions(self) -> List[Question]:
        """Those without an answer."""
        return [question for clip_id, question in self.questions.items() if clip_id not in self.answers]

    def cluster_labels(self) -> Dict[int, Tuple[int, ...]]:
        """Cluster -> class indices, ascending, of the answer to its question; without those that nobody knew."""
        indices = {name: index for index, name in self.classes.items()}
        return {
            self.questions[clip_id].cluster: tuple(indices[name] for name in answer.labels)
            for clip_id, answer in self.answers.items()
            if answer.labels
        }

    def require_same(self, clustering: Dict[str, Any], classes: Dict[int, str]) -> None:
        """Raises a UserError unless the questions are about these clusters, with these classes to choose from."""
        for what, ours, theirs in (("clusters", self.clustering, clustering), ("classes", self.classes, classes)):
            if ours != theirs:
                raise UserError(
                    f"{self._path} is about other {what}: go on with the same, or ask in a folder of its own."
                )

    def ask(self, questions: Sequence[Question]) -> None:
        """Keeps that these clips are asked about; raises a ValueError for a clip or a cluster that was before."""
        clusters = {question.cluster for question in self.questions.values()}
        for question in questions:
            if question.clip_id in self.questions or question.cluster in clusters:
                raise ValueError(f"{question} was asked before")
            clusters.add(question.cluster)
        self._append([{"event": "asked", **dataclasses.asdict(question)} for question in questions])
        self.questions.update((question.clip_id, question) for question in questions)

    def answer(self, answers: Sequence[Answer], where: str) -> int:
        """Keeps answers, all of them or, on an error, none; returns how many are new.

        Args:
            answers: an answer that is there already, the same, is passed over.
            where: where the answers are from, for the errors.

        Raises:
            UserError: an answer to what was not asked, with a class that there is not, or other than one before.
        """
        new: Dict[str, Answer] = {}
        order = {name: index for index, name in self.classes.items()}
        for answer in answers:
            if answer.clip_id not in self.questions:
                raise UserError(f"{where}: clip {answer.clip_id} was not asked about by {self._path}.")
            unknown = [name for name in answer.labels if name not in order]
            if unknown:
                raise UserError(
                    f"{where}: clip {answer.clip_id} is answered with {unknown[0]!r}, which is none of the "
                    f"{len(order)} classes of {self._path}."
                )
            answer = dataclasses.replace(answer, labels=tuple(sorted(set(answer.labels), key=order.__getitem__)))
            known = self.answers.get(answer.clip_id) or new.get(answer.clip_id)
            if known is None:
                new[answer.clip_id] = answer
            elif known.labels != answer.labels:
                raise UserError(
                    f"{where}: clip {answer.clip_id} is answered with {in_words(answer.labels)}, before it was "
                    f"{in_words(known.labels)} (by {known.by}); make them agree, or remove the line of the wrong "
                    f"answer from {self._path}."
                )
        self._append([{"event": "answered", **dataclasses.asdict(answer)} for answer in new.values()])
        self.answers.update(new)
        return len(new)

    def _append(self, events: Sequence[Dict[str, Any]]) -> None:
        time = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        data = "".join(json.dumps({**event, "time": time}, ensure_ascii=False) + "\n" for event in events).encode()
        with open(self._path, "r+b") as file:
            before = file.read()
            end = _end_of_whole_lines(before)
            file.seek(end)
            file.truncate()
            try:
                file.write(data if before[:end].endswith(b"\n") else b"\n" + data)
                file.flush()
                os.fsync(file.fileno())
            except OSError as error:  # a full disk
                with contextlib.suppress(OSError):
                    os.truncate(self._path, end)
                raise UserError(f"{self._path} cannot be written: {error}; nothing of this was kept.") from error


@contextlib.contextmanager
def to_write(folder: str) -> Iterator[Ledger]:
    """The ledger of a folder, which nobody else can write meanwhile; raises what `read` raises."""
    if not os.path.exists(os.path.join(folder, NAME)):
        read(folder)
    with files.held_alone(folder, "asks or answers there"):
        yield read(folder)


@contextlib.contextmanager
def to_ask(folder: str, clustering: Dict[str, Any], classes: Dict[int, str]) -> Iterator[Ledger]:
    """The same, made if it is missing.

    Args:
        folder: made too.
        clustering: what the questions are about, as JSON.
        classes: index -> name.

    Raises:
        UserError: the ledger is about other clusters or classes, or what `create` raises.
    """
    os.makedirs(folder, exist_ok=True)
    with files.held_alone(folder, "asks or answers there"):
        if not os.path.exists(os.path.join(folder, NAME)):
            create(folder, clustering, classes)
        ledger = read(folder)
        ledger.require_same(clustering, classes)
        yield ledger


def create(folder: str, clustering: Dict[str, Any], classes: Dict[int, str]) -> None:
    """An empty ledger in a folder that has none.

    Raises:
        UserError: no class, two of one name, or a name that cannot be written where several are.
    """
    counts = collections.Counter(classes.values())
    for name, count in counts.items():
        if count > 1 or name in ("", UNKNOWN) or name != name.strip() or SEPARATOR in name:
            raise UserError(f"the name {name!r} does not stand for one class: give a list of classes by --classes.")
    if not counts:
        raise UserError("there are no classes, and answers are names of classes: give a list of them by --classes.")
    path = os.path.join(folder, NAME)
    header = {"ledger": VERSION, "clustering": clustering, "classes": dict(sorted(classes.items()))}
    files.write_text(path, json.dumps(header, ensure_ascii=False) + "\n")


def read(folder: str) -> Ledger:
    """The ledger of a folder.

    Raises:
        UserError: there is none, or a line that is damaged or contradicts those before.
    """
    path = os.path.join(folder, NAME)
    try:
        with open(path, "rb") as file:
            data = file.read()
        first, *lines = data[: _end_of_whole_lines(data)].decode().split("\n")
    except FileNotFoundError as error:
        raise UserError(
            f"{path}: no such file: nothing was asked yet (experiments.label_clusters --task=ask)."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    try:
        header = json.loads(first)
        if header["ledger"] != VERSION:
            raise UserError(f"{path}: is of version {header['ledger']}, and this program knows {VERSION} alone.")
        ledger = Ledger(path, header["clustering"], {int(key): name for key, name in header["classes"].items()})
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: line 1: damaged ({error}); put it back from a copy.") from error
    for number, line in enumerate(lines, start=2):
        if not line:
            continue
        try:
            _replay(ledger, json.loads(line))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}: line {number}: damaged ({error}); mend or remove it.") from error
    return ledger


def in_words(labels: Sequence[str]) -> str:
    return ", ".join(labels) or "“do not know”"


def _replay(ledger: Ledger, event: Dict[str, Any]) -> None:
    kind, clip_id = event["event"], event["clip_id"]
    if kind == "asked":
        if clip_id in ledger.questions:
            raise ValueError(f"clip {clip_id} is asked about twice")
        ledger.questions[clip_id] = Question(*(event[field.name] for field in dataclasses.fields(Question)))
    elif kind == "answered":
        if clip_id not in ledger.questions or clip_id in ledger.answers:
            raise ValueError(f"clip {clip_id} is answered {'twice' if clip_id in ledger.answers else 'unasked'}")
        labels = tuple(event["labels"])
        if not set(labels) <= set(ledger.classes.values()):
            raise ValueError(f"clip {clip_id} has a label that is no class: {labels}")
        ledger.answers[clip_id] = Answer(clip_id, labels, event["by"])
    else:
        raise ValueError(f"what is {kind!r}?")


def _end_of_whole_lines(data: bytes) -> int:
    """Where the last line ends that was written to its end.

    What is left of a line that was cut is no JSON object; a last line that is one, and lacks its line break alone, was
    saved so by an editor, and counts.
    """
    end = data.rfind(b"\n") + 1
    try:
        whole = isinstance(json.loads(data[end:]), dict)
    except ValueError:
        whole = False
    return len(data) if whole else end
