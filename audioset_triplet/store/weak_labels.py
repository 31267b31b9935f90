"""Weak labels of clips, by propagation in clusters or by ratings: one CSV file, a row per clip and label.

    clip_id,label,label_name,cluster,annotated
    1-100032-A-0,0,dog,17,1
    1-100038-A-14,,,,1

`label` is the index of the class; `cluster` is the cluster of the clip, empty where clips were rated one by one;
`annotated` is 1 for the clip of the cluster that was annotated, and 0 for those that got its labels. A clip with
several labels has several rows. A row without label and name is a clip that was rated and has none of the classes. A
clip that the file lacks is unknown.
"""

import csv
import dataclasses
import hashlib
import io
import json
from typing import Dict, FrozenSet, Iterable, List, NamedTuple, Optional, Set, Tuple

from audioset_triplet import files, tables
from audioset_triplet.clips import add_class_names
from audioset_triplet.errors import UserError

COLUMNS = ("clip_id", "label", "label_name", "cluster", "annotated")
_PROGRAMS = "experiments.label_clusters --task=propagate and experiments.export_ratings --what=weak_labels"
_AGAIN = "propagate or export again"


@dataclasses.dataclass(frozen=True)
class WeakLabels:
    """Labels of some clips."""

    labels: Dict[str, Tuple[int, ...]]  # clip id -> class indices, ascending; empty: none of the classes
    class_names: Dict[int, str]
    annotated: FrozenSet[str] = frozenset()  # ids of the annotated clips


class Row(NamedTuple):
    """A row of the file; None is an empty value."""

    clip_id: str
    label: Optional[int]
    label_name: Optional[str]
    cluster: Optional[int]
    is_annotated: bool


def write(path: str, rows: Iterable[Row]) -> int:
    """Writes some rows; returns how many.

    The file appears when it is complete.
    """
    text, count = io.StringIO(), 0
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for *row, is_annotated in rows:
        writer.writerow([*row, int(is_annotated)])
        count += 1
    files.write_text(path, text.getvalue())
    return count


def read(path: str) -> WeakLabels:
    """The inverse of `write`.

    Raises:
        UserError: no such file, one without these columns or without rows, or a row that is not a label.
    """
    labels: Dict[str, List[int]] = {}
    names: Dict[int, str] = {}
    annotated: Set[str] = set()
    for row in tables.read(path, COLUMNS, f"{_PROGRAMS} write weak labels"):
        has_label = bool(row["label"] or row["label_name"])
        is_label = not has_label or row["label"].isdecimal()
        if not row["clip_id"] or row["annotated"] not in ("0", "1") or not is_label:
            raise UserError(f"{row.where}: not a clip id with the index and the name of a class; {_AGAIN}.")
        of_clip = labels.setdefault(row["clip_id"], [])
        if has_label:
            label = int(row["label"])
            add_class_names(names, [(label, row["label_name"])], row.where)
            of_clip.append(label)
        if row["annotated"] == "1":
            annotated.add(row["clip_id"])
    if not names:
        raise UserError(f"{path}: labels no clip: answer a question and {_AGAIN}.")
    unique = {clip_id: tuple(sorted(set(indices))) for clip_id, indices in labels.items()}
    return WeakLabels(unique, names, frozenset(annotated))


def digest(labels: WeakLabels) -> str:
    """16 hexadecimal digits that depend on the labels of each clip and the names of the classes, not on their order."""
    values = [sorted(labels.labels.items()), sorted(labels.class_names.items())]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]
