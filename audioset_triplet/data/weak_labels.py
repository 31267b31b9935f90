"""Labels of clips that come from elsewhere than their records: a CSV with the columns clip_id, label and label_name.

A clip with several labels has several rows. Other columns are passed over.
"""

import csv
import dataclasses
from typing import Dict, List, Tuple

from audioset_triplet.errors import UserError

COLUMNS = ("clip_id", "label", "label_name")


@dataclasses.dataclass(frozen=True)
class WeakLabels:
    """What some clips are said to hold."""

    classes: Dict[int, str]  # index -> name, ascending
    labels: Dict[str, Tuple[int, ...]]  # clip id -> class indices, ascending

    @property
    def one_per_clip(self) -> bool:
        """Whether every clip has exactly one label."""
        return all(len(labels) == 1 for labels in self.labels.values())


def read(path: str) -> WeakLabels:
    """
    Raises:
        UserError: the file cannot be read, lacks a column or has no row; a label is no whole number, or has two names.
    """
    found: Dict[str, List[int]] = {}
    names: Dict[int, str] = {}
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
            if missing:
                raise UserError(f"{path}: has no column {missing[0]!r}; weak labels need {', '.join(COLUMNS)}.")
            for number, row in enumerate(rows, start=2):
                label = _index(row["label"], f"{path}: line {number}")
                name = names.setdefault(label, row["label_name"])
                if name != row["label_name"]:
                    raise UserError(
                        f"{path}: line {number}: label {label} is {row['label_name']!r} here and {name!r} before."
                    )
                found.setdefault(row["clip_id"], []).append(label)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as a CSV of weak labels: {error}") from error
    if len(names) < 2:
        raise UserError(f"{path}: holds {len(found)} clips of {len(names)} classes: there is nothing to tell apart.")
    return WeakLabels(dict(sorted(names.items())), {clip: tuple(sorted(set(own))) for clip, own in found.items()})


def _index(text: str, where: str) -> int:
    try:
        return int(text)
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: a label is the whole number of a class, not {text!r}.") from error
