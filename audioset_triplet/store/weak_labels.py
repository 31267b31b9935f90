"""Weak labels of clips, by propagation in clusters: one CSV file, a row per clip and label.

    clip_id,label,label_name,cluster,annotated
    1-100032-A-0,0,dog,17,1

`label` is the index of the class; `cluster` is the cluster of the clip; `annotated` is 1 for the clip of the cluster
that was annotated, and 0 for those that got its labels. A clip with several labels has several rows, one without labels
has none.
"""

import csv
import dataclasses
import io
from typing import Dict, FrozenSet, Iterable, List, Set, Tuple

from audioset_triplet import files, tables
from audioset_triplet.clips import add_class_names
from audioset_triplet.errors import UserError

COLUMNS = ("clip_id", "label", "label_name", "cluster", "annotated")


@dataclasses.dataclass(frozen=True)
class WeakLabels:
    """Labels of some clips."""

    labels: Dict[str, Tuple[int, ...]]  # clip id -> class indices, ascending
    class_names: Dict[int, str]
    annotated: FrozenSet[str] = frozenset()  # ids of the annotated clips


def write(path: str, rows: Iterable[Tuple[str, int, str, int, bool]]) -> int:
    """Writes (clip id, class index, class name, cluster, whether annotated) rows; returns how many.

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
    for row in tables.read(path, COLUMNS, "experiments.label_clusters --task=propagate writes weak labels"):
        if not row["clip_id"] or row["annotated"] not in ("0", "1") or not row["label"].isdecimal():
            raise UserError(f"{row.where}: not a clip id with the index and the name of a class; propagate again.")
        label = int(row["label"])
        add_class_names(names, [(label, row["label_name"])], row.where)
        labels.setdefault(row["clip_id"], []).append(label)
        if row["annotated"] == "1":
            annotated.add(row["clip_id"])
    if not labels:
        raise UserError(f"{path}: labels no clip: answer a question and propagate again.")
    unique = {clip_id: tuple(sorted(set(indices))) for clip_id, indices in labels.items()}
    return WeakLabels(unique, names, frozenset(annotated))
