"""Labels that clips were given, instead of those that they came with: one CSV file, a row per clip and label.

    clip_id,label,label_name,cluster,asked
    1-100032-A-0,0,dog,17,1

`label` is the index of the class; the cluster is the one whose answered clip the label is from; `asked` is 1 for that
clip, whose labels somebody heard, and 0 for others. A clip with several labels has several rows, one without any has
none.
"""

import csv
import dataclasses
import io
from typing import Dict, FrozenSet, Iterable, List, Set, Tuple

from audioset_triplet import files
from audioset_triplet.clips import add_class_names
from audioset_triplet.errors import UserError

COLUMNS = ("clip_id", "label", "label_name", "cluster", "asked")


@dataclasses.dataclass(frozen=True)
class WeakLabels:
    """What is taken to be heard in some clips."""

    labels: Dict[str, Tuple[int, ...]]  # clip id -> class indices, ascending
    class_names: Dict[int, str]
    asked: FrozenSet[str] = frozenset()  # ids of the clips that were asked about


def write(path: str, rows: Iterable[Tuple[str, int, str, int, bool]]) -> int:
    """Writes (clip id, class index, class name, cluster, whether asked about) rows; returns how many.

    The file appears when it is whole.
    """
    text, count = io.StringIO(), 0
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for *row, was_asked in rows:
        writer.writerow([*row, int(was_asked)])
        count += 1
    files.write_text(path, text.getvalue())
    return count


def read(path: str) -> WeakLabels:
    """The inverse of `write`.

    Raises:
        UserError: no such file, one without these columns or without rows, or a row that is no label.
    """
    found: Dict[str, List[int]] = {}
    names: Dict[int, str] = {}
    asked: Set[str] = set()
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise UserError(f"{path}: has no column {missing[0]}; experiments.label_clusters writes weak labels.")
            for row in reader:
                where = f"{path}: line {reader.line_num}"
                whole = None not in row.values() and row["clip_id"] and row["asked"] in ("0", "1")
                if not whole or not row["label"].isdecimal():
                    raise UserError(f"{where}: not a clip id with the index and the name of a class; propagate again.")
                label = int(row["label"])
                add_class_names(names, [(label, row["label_name"])], where)
                found.setdefault(row["clip_id"], []).append(label)
                if row["asked"] == "1":
                    asked.add(row["clip_id"])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as weak labels: {error}") from error
    if not found:
        raise UserError(f"{path}: labels no clip: answer a question and propagate again.")
    labels = {clip_id: tuple(sorted(set(own))) for clip_id, own in found.items()}
    return WeakLabels(labels, names, frozenset(asked))
