"""The annotation log: which clips were queried and how people annotated them, in a file that only grows.

annotations.jsonl has a JSON object on each line. The first line says what the questions are about; each other line is
an event, in the order of time:

    {"annotation_log": 2, "clustering": {"model_id": "…", "method": "entropy", "num_clusters": 400, "digest": "…"},
     "classes": {"0": "dog", "1": "rooster"}}
    {"event": "queried", "clip_id": "1-100032-A-0", "cluster": 17, "cluster_size": 43, "round": 1, "draw": "random",
     "seed": 0, "time": "2026-11-25T13:40:12+00:00"}
    {"event": "annotated", "clip_id": "1-100032-A-0", "labels": ["dog"], "by": "label-studio", "time": "…"}

`labels` are names of classes; an empty list means that the annotator does not know. A line is on the disk before
anything else happens, and a line that a killed writer or a full disk cut short does not count: no event is lost, no
clip is queried twice. One writer at a time.
"""

import collections
import contextlib
import dataclasses
import datetime
import json
import os
import re
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from audioset_triplet import files, tables, text_files
from audioset_triplet.errors import UserError

NAME = "annotations.jsonl"
VERSION = 2
_OLD_NAME = "labels.jsonl"  # of version 1
_WORK = "writes annotations there"  # of a process that holds the folder
UNKNOWN = "?"  # in place of a class: the annotator does not know
SEPARATOR = ";"  # between several classes
_OTHER_SEPARATORS = re.compile(r"[,|/&+\t\r\n]+")  # that people may write instead


@dataclasses.dataclass(frozen=True)
class Question:
    """A clip to be annotated, on behalf of its cluster."""

    clip_id: str
    cluster: int
    cluster_size: int  # clips, this one included
    round: int  # number of the call of `query`, whose questions have a folder of files of their own
    draw: str  # how the clip was chosen: config.labelling.SelectionConfig.member
    seed: int


@dataclasses.dataclass(frozen=True)
class Answer:
    """The annotation of a clip."""

    clip_id: str
    labels: Tuple[str, ...]  # names of classes, in the order of their indices; empty: the annotator does not know
    by: str  # oracle, file or label-studio


class AnnotationLog:
    """The questions and answers of a folder."""

    def __init__(self, path: str, clustering: Dict[str, Any], classes: Dict[int, str]) -> None:
        self._path = path
        self.clustering = clustering
        self.classes = classes
        self.questions: Dict[str, Question] = {}  # clip id -> its question, in the order of the file
        self.answers: Dict[str, Answer] = {}  # clip id -> its answer

    def open_questions(self) -> List[Question]:
        """Those without an answer."""
        return [question for clip_id, question in self.questions.items() if clip_id not in self.answers]

    def cluster_labels(self) -> Dict[int, Tuple[int, ...]]:
        """Cluster -> class indices, ascending, of the answer to its question; without answers that know no class."""
        indices = {name: index for index, name in self.classes.items()}
        return {
            self.questions[clip_id].cluster: tuple(indices[name] for name in answer.labels)
            for clip_id, answer in self.answers.items()
            if answer.labels
        }

    def require_same(self, clustering: Dict[str, Any], classes: Dict[int, str]) -> None:
        """Raises a UserError unless the questions are about these clusters, with these classes to choose from."""
        for subject, known, given in (("clusters", self.clustering, clustering), ("classes", self.classes, classes)):
            if known != given:
                raise UserError(f"{self._path} is about other {subject}: give the same ones, or another --workdir.")

    def add_questions(self, questions: Sequence[Question]) -> None:
        """Writes questions to the log; raises a ValueError for a clip or a cluster that was queried before."""
        clusters = {question.cluster for question in self.questions.values()}
        for question in questions:
            if question.clip_id in self.questions or question.cluster in clusters:
                raise ValueError(f"{question} was queried before")
            clusters.add(question.cluster)
        self._append([{"event": "queried", **dataclasses.asdict(question)} for question in questions])
        self.questions.update((question.clip_id, question) for question in questions)

    def add_answers(self, answers: Sequence[Answer], source: str) -> int:
        """Writes answers to the log, all of them or, on an error, none; returns how many are new.

        Args:
            answers: an answer that the log has already is skipped.
            source: where the answers are from, for the errors.

        Raises:
            UserError: the clip of an answer was not queried, its class is unknown, or the log has another answer.
        """
        new: Dict[str, Answer] = {}
        order = {name: index for index, name in self.classes.items()}
        clip_ids = {text_files.composed(clip_id): clip_id for clip_id in self.questions}
        for answer in answers:
            clip_id = clip_ids.get(text_files.composed(answer.clip_id))
            clip_id = answer.clip_id if answer.clip_id in self.questions else clip_id
            if clip_id is None:
                close = tables.closest(answer.clip_id, self.questions)
                hint = f"; is it {close}?" if close else ""
                raise UserError(f"{source}: clip {answer.clip_id} was not queried by {self._path}{hint}")
            names = {self._class_of(name, f"{source}: clip {clip_id}") for name in answer.labels}
            labels = tuple(sorted(names, key=order.__getitem__))
            answer = dataclasses.replace(answer, clip_id=clip_id, labels=labels)
            known = self.answers.get(answer.clip_id) or new.get(answer.clip_id)
            if known is None:
                new[answer.clip_id] = answer
            elif known.labels != answer.labels:
                raise UserError(
                    f"{source}: clip {answer.clip_id} is annotated with {_in_words(answer.labels)}, before with "
                    f"{_in_words(known.labels)} (by {known.by}); make them agree, or remove the line of the wrong "
                    f"answer from {self._path}."
                )
        self._append([{"event": "annotated", **dataclasses.asdict(answer)} for answer in new.values()])
        self.answers.update(new)
        return len(new)

    def _class_of(self, name: str, where: str) -> str:
        """The class that a name means, in another case perhaps; a UserError for a name of none."""
        classes = list(self.classes.values())
        known = tables.meant(name, classes)
        if known is None:
            close = tables.closest(name, classes)
            hint = f"; is it {close!r}?" if close else f"; they begin with {', '.join(classes[:3])}"
            parts = [part.strip() for part in _OTHER_SEPARATORS.split(name)]
            if len(parts) > 1 and all(tables.meant(part, classes) for part in parts):
                hint = f"; several classes have {SEPARATOR!r} between them"
            raise UserError(
                f"{where} is annotated with {name!r}, which is none of the {len(classes)} classes of {self._path}{hint}"
            )
        return known

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
                raise UserError(f"{self._path} cannot be written: {error}; nothing of this was written.") from error


@contextlib.contextmanager
def open_to_annotate(folder: str) -> Iterator[AnnotationLog]:
    """The log of a folder, which no other process can write meanwhile; raises what `read` raises."""
    _require_log(folder)
    with files.held_alone(folder, _WORK):
        yield read(folder)


@contextlib.contextmanager
def open_to_query(folder: str, clustering: Dict[str, Any], classes: Dict[int, str]) -> Iterator[AnnotationLog]:
    """The same, made if it is missing.

    Args:
        folder: made too.
        clustering: what the questions are about, as JSON.
        classes: index -> name.

    Raises:
        UserError: the log is about other clusters or classes, or what `create` raises.
    """
    os.makedirs(folder, exist_ok=True)
    with files.held_alone(folder, _WORK):
        if not os.path.exists(os.path.join(folder, NAME)):
            _refuse_old_log(folder)
            create(folder, clustering, classes)
        log = read(folder)
        log.require_same(clustering, classes)
        yield log


def create(folder: str, clustering: Dict[str, Any], classes: Dict[int, str]) -> None:
    """An empty log in a folder that has none.

    Raises:
        UserError: no class, two classes of one name, or a name that an annotation file cannot hold.
    """
    counts = collections.Counter(classes.values())
    for name, count in counts.items():
        if count > 1 or name in ("", UNKNOWN) or name != name.strip() or SEPARATOR in name:
            raise UserError(f"the name {name!r} does not stand for one class: give a list of classes by --classes.")
    if not counts:
        raise UserError("there are no classes to annotate with: give a list of their names by --classes.")
    path = os.path.join(folder, NAME)
    header = {"annotation_log": VERSION, "clustering": clustering, "classes": dict(sorted(classes.items()))}
    files.write_text(path, json.dumps(header, ensure_ascii=False) + "\n")


def read(folder: str) -> AnnotationLog:
    """The log of a folder.

    Raises:
        UserError: there is none, it is of another version, or a line is damaged or contradicts those before.
    """
    path = _require_log(folder)
    try:
        with open(path, "rb") as file:
            data = file.read()
        first, *lines = data[: _end_of_whole_lines(data)].decode().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    log = _empty_log(path, first)
    for number, line in enumerate(lines, start=2):
        if not line:
            continue
        try:
            _replay(log, json.loads(line))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}: line {number}: damaged ({error}); mend or remove it.") from error
    return log


def _require_log(folder: str) -> str:
    """The path of the log; a UserError if there is none."""
    path = os.path.join(folder, NAME)
    if not os.path.exists(path):
        _refuse_old_log(folder)
        raise UserError(f"{path}: no such file: nothing was queried yet (experiments.label_clusters --task=query).")
    return path


def _refuse_old_log(folder: str) -> None:
    if os.path.exists(os.path.join(folder, _OLD_NAME)):
        raise UserError(_other_version(os.path.join(folder, _OLD_NAME), 1))


def _other_version(path: str, version: Any) -> str:
    return f"{path}: is of version {version}, and this program knows {VERSION}: query anew in another --workdir."


def _empty_log(path: str, header: str) -> AnnotationLog:
    """The log that a header begins."""
    try:
        values = json.loads(header)
        version = values.get("annotation_log", values.get("ledger"))  # ledger: of version 1
        if version is None:
            raise ValueError("no version")
        if version != VERSION:
            raise UserError(_other_version(path, version))
        return AnnotationLog(path, values["clustering"], {int(key): name for key, name in values["classes"].items()})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: line 1: damaged ({error}); put it back from a copy.") from error


def _in_words(labels: Sequence[str]) -> str:
    return ", ".join(labels) or "“do not know”"


def _replay(log: AnnotationLog, event: Dict[str, Any]) -> None:
    kind, clip_id = event["event"], event["clip_id"]
    if kind == "queried":
        if clip_id in log.questions:
            raise ValueError(f"clip {clip_id} is queried twice")
        log.questions[clip_id] = Question(*(event[field.name] for field in dataclasses.fields(Question)))
    elif kind == "annotated":
        if clip_id not in log.questions or clip_id in log.answers:
            raise ValueError(f"clip {clip_id} is annotated {'twice' if clip_id in log.answers else 'without a query'}")
        labels = tuple(event["labels"])
        if not set(labels) <= set(log.classes.values()):
            raise ValueError(f"clip {clip_id} has a label that is no class: {labels}")
        log.answers[clip_id] = Answer(clip_id, labels, event["by"])
    else:
        raise ValueError(f"unknown event {kind!r}")


def _end_of_whole_lines(data: bytes) -> int:
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
