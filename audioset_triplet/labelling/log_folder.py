"""The folder of an annotation log: makes, reads and opens annotations.jsonl, for one writer at a time.

A log of version 2, which `experiments.label_clusters` wrote before there was a rating page, is read as it is. The first
program that opens it to write rewrites it in version 3; the old file stays beside it (annotations-version-2.jsonl).
"""

import contextlib
import json
import os
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from audioset_triplet import files
from audioset_triplet.errors import UserError
from audioset_triplet.labelling import events
from audioset_triplet.labelling.annotation_log import AnnotationLog, end_of_whole_lines
from audioset_triplet.labelling.events import Answer, Candidate, Question

NAME = "annotations.jsonl"
VERSION = 3
_VERSION_2 = 2
_NAME_OF_VERSION_2 = "annotations-version-2.jsonl"
_NAME_OF_VERSION_1 = "labels.jsonl"
_WORK = "writes annotations there"  # of a process that holds the folder
_CLUSTER_FACTS = ("cluster", "cluster_size", "round", "draw", "seed")  # of a question of version 2


def create(folder: str, clustering: Optional[Mapping[str, Any]], classes: Mapping[int, str]) -> None:
    """An empty log in a folder that has none."""
    files.write_text(os.path.join(folder, NAME), _header(clustering, classes))


def read(folder: str) -> AnnotationLog:
    """The log of a folder.

    Raises:
        UserError: there is none, it is of an unknown version, or a line is damaged or contradicts those before.
    """
    path = _require_log(folder)
    try:
        with open(path, "rb") as file:
            data = file.read()
        header = data[: end_of_whole_lines(data)].decode().partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    log, version = _empty_log(path, header)
    log.take_in(_of_version_3(path, data, log) if version == _VERSION_2 else data)
    return log


@contextlib.contextmanager
def open_to_write(folder: str) -> Iterator[AnnotationLog]:
    """The log of a folder, which no other process can write meanwhile; raises what `read` raises."""
    path = _require_log(folder)
    with files.held_alone(folder, _WORK):
        _rewrite_version_2(path)
        yield read(folder)


@contextlib.contextmanager
def open_or_create(
    folder: str, clustering: Optional[Mapping[str, Any]], classes: Mapping[int, str]
) -> Iterator[AnnotationLog]:
    """The same, made if it is missing, and so is its folder.

    Args:
        folder: the folder.
        clustering: what a new log is about, as JSON.
        classes: of a new log, index -> name.
    """
    os.makedirs(folder, exist_ok=True)
    with files.held_alone(folder, _WORK):
        if not os.path.exists(os.path.join(folder, NAME)):
            _refuse_version_1(folder)
            create(folder, clustering, classes)
        with open_to_write(folder) as log:
            yield log


def _header(clustering: Optional[Mapping[str, Any]], classes: Mapping[int, str]) -> str:
    values = {"annotation_log": VERSION, "clustering": clustering, "classes": dict(sorted(classes.items()))}
    return json.dumps(values, ensure_ascii=False) + "\n"


def _require_log(folder: str) -> str:
    """The path of the log; a UserError if there is none."""
    path = os.path.join(folder, NAME)
    if not os.path.exists(path):
        _refuse_version_1(folder)
        programs = "experiments.label, or experiments.label_clusters --task=query"
        raise UserError(f"{path}: no such file: nothing was queried yet ({programs}).")
    return path


def _refuse_version_1(folder: str) -> None:
    path = os.path.join(folder, _NAME_OF_VERSION_1)
    if os.path.exists(path):
        raise UserError(_other_version(path, 1))


def _other_version(path: str, version: Any) -> str:
    return (
        f"{path}: is of version {version}, and this program knows {_VERSION_2} and {VERSION}: query anew in another "
        "--workdir."
    )


def _empty_log(path: str, header: str) -> Tuple[AnnotationLog, int]:
    """The log that a header begins, and its version."""
    try:
        values = json.loads(header)
        version = values.get("annotation_log", values.get("ledger"))  # ledger: of version 1
        if version is None:
            raise ValueError("no version")
        if version not in (_VERSION_2, VERSION):
            raise UserError(_other_version(path, version))
        classes = {int(key): name for key, name in values["classes"].items()}
        return AnnotationLog(path, values["clustering"], classes), version
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: line 1: damaged ({error}); put it back from a copy.") from error


def _of_version_3(path: str, data: bytes, log: AnnotationLog) -> bytes:
    """The whole lines of a log of version 2 as those of version 3, line for line."""
    lines = data[: end_of_whole_lines(data)].decode().split("\n")
    numbers: Dict[str, int] = {}  # clip id -> its question
    converted: List[str] = [_header(log.clustering, log.classes).rstrip("\n")]
    for number, line in enumerate(lines[1:], start=2):
        try:
            converted.append(_converted(json.loads(line), numbers, number) if line else "")
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}: line {number}: damaged ({error}); mend or remove it.") from error
    return "\n".join(converted).encode()


def _converted(event: Mapping[str, Any], numbers: Dict[str, int], line: int) -> str:
    """A line of version 3; a KeyError, TypeError or ValueError for an event that is none of version 2."""
    kind, clip_id = event["event"], event["clip_id"]
    if kind == "queried":
        candidate = Candidate("", details={name: event[name] for name in _CLUSTER_FACTS})
        new = events.queried(len(numbers), Question(clip_id, None, None, (candidate,)))
        numbers.setdefault(clip_id, len(numbers))
    elif kind == "annotated" and clip_id in numbers:
        labels = tuple(event["labels"])
        new = events.answered(line, Answer(numbers[clip_id], event["by"], added=labels, is_unknown=not labels))
    else:
        raise ValueError(f"an event {kind!r} of a clip without a query")
    return json.dumps({**new, "time": event["time"]}, ensure_ascii=False)


def _rewrite_version_2(path: str) -> None:
    with open(path, "rb") as file:
        data = file.read()
    log, version = _empty_log(path, data.decode(errors="replace").partition("\n")[0])
    if version != _VERSION_2:
        return
    text = _of_version_3(path, data, log).decode()
    kept = os.path.join(os.path.dirname(path), _NAME_OF_VERSION_2)
    if not os.path.exists(kept):
        files.write_text(kept, data[: end_of_whole_lines(data)].decode())
    files.write_text(path, text if text.endswith("\n") else text + "\n")
