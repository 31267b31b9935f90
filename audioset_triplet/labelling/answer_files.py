"""Answers from annotation files that people filled in, and from what Label Studio exports as JSON, JSON-MIN or CSV.

What is accepted, whatever the name of the file:

    a table     questions.csv, also as a spreadsheet saves it (`audioset_triplet.tables`), and Label Studio's CSV or TSV
    JSON        questions.json, Label Studio's JSON and JSON-MIN, a list or an object on each line

Answers of several annotators for a clip have to agree. `cluster_log` checks the names of clips and classes.
"""

import dataclasses
import json
import re
from typing import Any, Dict, Iterator, List, Optional, Sequence

from audioset_triplet import tables, text_files
from audioset_triplet.errors import UserError
from audioset_triplet.labelling import label_studio
from audioset_triplet.labelling.cluster_log import SEPARATOR, UNKNOWN, ClusterAnswer
from audioset_triplet.labelling.label_studio import CONTROL, list_of, text_of

_FILE, _LABEL_STUDIO = "file", "label-studio"
_GIVE = "give a filled-in questions.csv or questions.json, or Label Studio's export as JSON, JSON-MIN or CSV"
_DONT_KNOW = re.compile(r"[?\uff1f]+")  # the second one is as wide as Chinese and Japanese characters
_JSON_START = re.compile(r"\s*[\[{]")


@dataclasses.dataclass(frozen=True)
class _Entry:
    """What one annotator says about one clip."""

    where: str  # file, and line or entry
    clip_id: str
    names: List[str]  # empty: not answered yet
    by: str
    annotator: Optional[str] = None

    @property
    def source(self) -> str:
        """The annotator, or the line."""
        return f"annotator {self.annotator}" if self.annotator else self.where.rpartition(": ")[2]


def read(path: str) -> List[ClusterAnswer]:
    """The answers in a file, one for a clip, in the order of the file; questions without an answer are skipped.

    Raises:
        UserError: the file cannot be read or has another format, an answer is not valid, or two answers for a clip
            differ; with its line or entry.
    """
    text = text_files.read(path, f"{tables.SAVE_AS_CSV}, or {_GIVE}")
    if not text.strip():
        raise UserError(f"{path}: is empty: {_GIVE}")
    is_json = path.lower().endswith((".json", ".jsonl")) or _JSON_START.match(text)
    first_of: Dict[str, _Entry] = {}
    for entry in _json_entries(path, text) if is_json else _table_entries(path):
        if UNKNOWN in entry.names and len(entry.names) > 1:
            raise UserError(
                f"{entry.where}: clip {entry.clip_id} is annotated with {UNKNOWN!r} and with a class: keep one of them."
            )
        if entry.names:
            first = first_of.setdefault(entry.clip_id, entry)
            if set(map(tables.folded, first.names)) != set(map(tables.folded, entry.names)):
                raise UserError(_disagreement(first, entry))
    return [
        ClusterAnswer(clip_id, () if entry.names == [UNKNOWN] else tuple(entry.names), entry.by)
        for clip_id, entry in first_of.items()
    ]


def _disagreement(first: _Entry, second: _Entry) -> str:
    texts = [f"{one.source} says {', '.join(one.names)}" for one in (first, second)]
    return (
        f"{second.where}: the annotators of clip {first.clip_id} disagree: {texts[0]}, {texts[1]}: keep one answer "
        "and give the file again."
    )


def _table_entries(path: str) -> Iterator[_Entry]:
    header = next(tables.lines(path, ["clip_id", "answer"]), None)
    columns = [name.strip() for name in header.values] if header else []
    is_export = "answer" not in columns and {"annotation_id", "annotator", CONTROL} & set(columns)
    answer, by = (CONTROL, _LABEL_STUDIO) if is_export else ("answer", _FILE)
    for row in tables.read(path, ["clip_id", answer], _GIVE):
        if not row["clip_id"].strip():
            raise UserError(f"{row.where}: has no clip_id")
        names = _exported(row.where, row[answer]) if is_export else _names([row[answer]])
        yield _Entry(row.where, row["clip_id"].strip(), names, by, row.values.get("annotator"))


def _json_entries(path: str, text: str) -> Iterator[_Entry]:
    objects = label_studio.objects(path, text, _GIVE)
    is_min = [not {"answer", "annotations", "data"} & entry.keys() and "annotation_id" in entry for entry in objects]
    if any(is_min) and not any(CONTROL in entry for entry in objects):
        raise UserError(f"{path}: no entry has a {CONTROL!r}: {label_studio.INTERFACE}")
    for number, entry in enumerate(objects, start=1):
        where = f"{path}: entry {number}"
        if "annotations" in entry:
            yield from _task_entries(where, entry)
        elif "data" in entry:
            raise UserError(f"{where}: {label_studio.NOT_EXPORTED}")
        elif "answer" in entry or not ("annotation_id" in entry or CONTROL in entry):
            _require(where, entry, "clip_id", "answer")
            answer = entry["answer"]
            names = [answer] if isinstance(answer, str) else answer or []
            texts = [text_of(where, name) for name in list_of(where, names)]
            yield _Entry(where, text_of(where, entry["clip_id"]), _names(texts), _FILE)
        else:  # JSON-MIN; a task that was skipped has no label
            _require(where, entry, "clip_id")
            names = _exported(where, entry.get(CONTROL))
            annotator = str(entry.get("annotator") or "") or None
            yield _Entry(where, text_of(where, entry["clip_id"]), names, _LABEL_STUDIO, annotator)


def _task_entries(where: str, task: Dict[str, Any]) -> Iterator[_Entry]:
    """The annotations of a task of Label Studio that were not cancelled, each an answer of one person."""
    clip_id = label_studio.data_of(where, task, "clip_id")
    for annotation in label_studio.annotations(where, task, [CONTROL]):
        if not annotation.was_cancelled:
            names = _names(annotation.choices[CONTROL])
            yield _Entry(where, text_of(where, clip_id), names, _LABEL_STUDIO, annotation.annotator)


def _exported(where: str, label: Any) -> List[str]:
    """The names in a label of JSON-MIN or CSV: a text, a list of texts, or an object with a list under `choices`."""
    if isinstance(label, str) and _JSON_START.match(label):
        try:
            label = json.loads(label)
        except ValueError as error:
            raise UserError(f"{where}: the label {label!r} is not a class, and not JSON: {error}") from error
    if isinstance(label, dict):
        _require(where, label, "choices")
        label = label["choices"]
    items = [label] if isinstance(label, str) else list_of(where, label or [])
    return [name for item in items for name in (_names([item]) if isinstance(item, str) else _exported(where, item))]


def _require(where: str, entry: Dict[str, Any], *keys: str) -> None:
    for key in keys:
        if key not in entry:
            raise UserError(f"{where}: has no {key!r}: {_GIVE}")


def _names(texts: Sequence[str]) -> List[str]:
    """The names in some texts, each once, without spaces around them; UNKNOWN for any number of `?`."""
    names = [name.strip() for text in texts for name in text.split(SEPARATOR) if name.strip()]
    return list(dict.fromkeys(UNKNOWN if _DONT_KNOW.fullmatch(name) else name for name in names))
