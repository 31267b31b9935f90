"""What `label_curve` keeps: a file for each classifier, so that a curve can be stopped and extended, and its settings.

What has a result is never computed again.
"""

import dataclasses
import json
import math
import os
from typing import Any, Dict, Iterable

from audioset_triplet import files
from audioset_triplet.errors import UserError
from audioset_triplet.studies.label_curve import Cell, Result


def keep_settings(output: str, given: Dict[str, Any]) -> None:
    """Keeps what decides the results, as config.json; one of them that is a dict can be extended but not changed.

    Raises:
        UserError: the folder holds a curve with other settings.
    """
    path = os.path.join(output, "config.json")
    given = json.loads(json.dumps(given))  # tuples become lists, as in the file
    found: Dict[str, Any] = {}
    if os.path.exists(path):
        try:
            with open(path, encoding="utf-8") as file:
                found = dict(json.load(file))
        except (TypeError, ValueError) as error:
            raise UserError(f"{path}: damaged ({error}).") from error
    for name, value in given.items():
        before = found.get(name, value)
        if isinstance(value, dict) and isinstance(before, dict):
            changed = [key for key in value if before.get(key, value[key]) != value[key]]
            found[name] = {**before, **value}
        else:
            changed = [] if before == value else [f"{before}, now {value}"]
            found[name] = value
        if changed:
            raise UserError(
                f"{output} holds a curve with other settings ({name}: {', '.join(changed)}): give the same to go on, "
                "or another --output."
            )
    files.write_text(path, json.dumps(found, indent=2) + "\n")


def write_result(output: str, cell: Cell, result: Result) -> None:
    path = _path(output, cell)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    files.write_text(path, json.dumps(dataclasses.asdict(result), indent=2) + "\n")


def read_results(output: str, cells: Iterable[Cell]) -> Dict[Cell, Result]:
    """The results of those cells that are finished.

    Raises:
        UserError: a file that cannot be read as a result.
    """
    found = {}
    for cell in cells:
        path = _path(output, cell)
        if not os.path.exists(path):
            continue
        try:
            with open(path, encoding="utf-8") as file:
                found[cell] = Result(**json.load(file))
            if not math.isfinite(found[cell].map):
                raise ValueError(f"mAP {found[cell].map}")
        except (TypeError, ValueError) as error:
            raise UserError(f"{path}: damaged ({error}); remove it, and its cell is computed again.") from error
    return found


def _path(output: str, cell: Cell) -> str:
    return os.path.join(output, "cells", cell.selection, f"{cell.budget}-{cell.trial}.json")
