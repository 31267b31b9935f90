"""The one reader of what Label Studio exports as JSON: tasks, each with the annotations of several people.

Format: labelstud.io/guide/task_format.html. `annotation_files` and `label_studio_tasks` write the tasks, and the
interface, whose controls have the names below.
"""

import json
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from audioset_triplet import files
from audioset_triplet.errors import UserError

CONTROL = "label"  # the choices: what is in the clip
OBJECT = "audio"  # the player
INTERFACE = "label with the interface of label_studio_config.xml"
_LONGEST_SECONDS = 1e9
NOT_EXPORTED = "a task without annotations: give what Label Studio exports, not what it imports."


class Annotation(NamedTuple):
    """What one person says about one task."""

    annotator: Optional[str]  # e-mail address or number; None: not known
    was_cancelled: bool  # the person skipped the task
    choices: Dict[str, List[str]]  # control -> what was chosen
    texts: Dict[str, List[str]]  # control -> what was typed
    seconds: Optional[float]  # that it took


def objects(path: str, text: str, advice: str) -> List[Dict[str, Any]]:
    """The objects of a JSON list, or of a file with one on each line.

    Args:
        path: for errors.
        text: the contents.
        advice: what to give instead of another file.

    Raises:
        UserError: the file is something else.
    """
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        entries = _objects_of_lines(text)
        if entries is None:
            raise UserError(f"{path}: is not JSON: {error}: {advice}") from error
    entries = [entries] if isinstance(entries, dict) else entries
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{path}: is not a list of questions or tasks: {advice}")
    return entries


def data_of(where: str, task: Dict[str, Any], name: str) -> Any:
    """What a task is about: a value of its data, which it must have.

    Args:
        where: file and entry, for errors.
        task: as Label Studio exports it.
        name: of the value.
    """
    try:
        return task["data"][name]
    except (KeyError, TypeError) as error:
        raise _no_task(where, error) from error


def annotations(
    where: str, task: Dict[str, Any], controls: Sequence[str], text_controls: Sequence[str] = ()
) -> List[Annotation]:
    """The annotations of a task; of one that was cancelled the texts alone.

    Args:
        where: file and entry, for errors.
        task: as Label Studio exports it.
        controls: the names that choices may have.
        text_controls: those of the text areas that are read; others are comments of somebody's own.

    Raises:
        UserError: the task is of another project.
    """
    try:
        return [_annotation(where, one, controls, text_controls) for one in list_of(where, task["annotations"])]
    except (AttributeError, KeyError, TypeError) as error:
        raise _no_task(where, error) from error


def list_of(where: str, value: Any) -> List[Any]:
    """The value, which has to be a list."""
    if not isinstance(value, list):
        raise UserError(f"{where}: {value!r} is not a list.")
    return value


def text_of(where: str, value: Any) -> str:
    """The value, which has to be a text that a file can hold."""
    if not isinstance(value, str) or not files.is_text(value):
        raise UserError(f"{where}: {value!r} is not a text.")
    return value


def _annotation(
    where: str, annotation: Dict[str, Any], controls: Sequence[str], text_controls: Sequence[str]
) -> Annotation:
    was_cancelled = bool(annotation.get("was_cancelled"))
    regions = [] if was_cancelled and not text_controls else annotation["result"]
    choices: Dict[str, List[str]] = {name: [] for name in controls}
    texts: Dict[str, List[str]] = {name: [] for name in text_controls}
    for region in regions:
        name = region.get("from_name")
        if name in texts:
            value = region["value"]["text"]
            texts[name] += [text_of(where, text) for text in ([value] if isinstance(value, str) else value)]
        elif region.get("type", "choices") == "choices" and not was_cancelled:
            if name not in choices:
                raise UserError(
                    f"{where}: has choices named {region['from_name']!r}, not {' or '.join(map(repr, controls))}: "
                    f"{INTERFACE}"
                )
            choices[name] += [text_of(where, choice) for choice in region["value"]["choices"]]
    seconds = annotation.get("lead_time")
    has_time = isinstance(seconds, (int, float)) and 0 <= seconds < _LONGEST_SECONDS  # NaN is not
    annotator = _annotator(annotation)
    return Annotation(
        annotator=None if annotator is None else text_of(where, annotator),
        was_cancelled=was_cancelled,
        choices=choices,
        texts=texts,
        seconds=float(seconds or 0) if has_time else None,
    )


def _annotator(annotation: Dict[str, Any]) -> Optional[str]:
    person = annotation.get("completed_by")
    person = person.get("email", person.get("id")) if isinstance(person, dict) else person
    return None if person is None else str(person).strip() or None


def _objects_of_lines(text: str) -> Optional[List[Any]]:
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()] or None
    except (ValueError, RecursionError):
        return None


def _no_task(where: str, error: Exception) -> UserError:
    return UserError(
        f"{where}: is not a task of the project that label_studio_tasks.json and label_studio_config.xml make "
        f"({type(error).__name__}: {error})."
    )
