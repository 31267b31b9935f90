"""The settings of a table, kept beside it: a folder can be extended by rows, splits and seeds, but not changed."""

import dataclasses
import json
import os
from typing import Any, Dict, List, Sequence, Union

from audioset_triplet import files
from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.records import reading
from audioset_triplet.records.splits import DataSplit
from audioset_triplet.studies.jansen2018.evaluations import Evaluations
from audioset_triplet.studies.jansen2018.rows import Configs

# What was not written down before it changed.
_OF_OLDER_TABLES = {"window_weights": "all alike"}


def describe(splits: Sequence[DataSplit], configs: Configs, evaluations: Evaluations) -> Dict[str, Any]:
    """Everything that decides what the cells of a table are, nested, as JSON."""
    return json.loads(  # tuples become lists, as in the file
        json.dumps(
            {
                "splits": {split.name: _describe_split(split) for split in splits},
                "rows": {name: _describe_row(config) for name, config in configs.items()},
                "evaluations": dataclasses.asdict(evaluations),
                "window_weights": "by level",
            }
        )
    )


def _describe_split(split: DataSplit) -> Dict[str, Any]:
    sides = {"train": split.train, "held_out": split.held_out}
    return {name: {"folds": data.folds, **reading.describe_files(data.data)} for name, data in sides.items()}


def _describe_row(config: Union[TripletConfig, ClassifierConfig]) -> Dict[str, Any]:
    values = dataclasses.asdict(config)
    for name in ("data", "folds", "data_service"):  # those of the split, and where it is read
        del values["data"][name]
    del values["training"]["seed"]  # that of the cell
    return values


def extend(output: str, given: Dict[str, Any]) -> Dict[str, Any]:
    """The settings of the table in a folder, with what this command adds to them.

    Raises:
        UserError: the folder holds a table with other settings.
    """
    path = _path(output)
    if not os.path.exists(path):
        return given
    with open(path, encoding="utf-8") as file:
        try:
            found = json.load(file)
        except ValueError as error:
            raise UserError(f"{path}: damaged ({error}).") from error
    different = _together(differences({**_OF_OLDER_TABLES, **found}, given))
    if different:
        raise UserError(
            f"{output} holds a table with other settings ({', '.join(different)}): give the same flags to go on with "
            "it, or another --output."
        )
    return _merged(found, given)


def write(output: str, settings: Dict[str, Any]) -> None:
    os.makedirs(output, exist_ok=True)
    files.write_text(_path(output), json.dumps(settings, indent=2) + "\n")


def _path(output: str) -> str:
    return os.path.join(output, "config.json")


def differences(found: Any, given: Any, name: str = "") -> List[str]:
    """The values that stand in both and differ, each as "rows/joint/training/steps: 60, now 90"."""
    if isinstance(found, dict) and isinstance(given, dict):
        common = [key for key in found if key in given]
        return [text for key in common for text in differences(found[key], given[key], f"{name}/{key}".strip("/"))]
    return [] if found == given else [f"{name}: {found}, now {given}"]


def _together(different: Sequence[str]) -> List[str]:
    """What differs in several rows alike, once, under the name rows/*."""
    rows_of: Dict[str, List[str]] = {}
    for text in different:
        kind, _, rest = text.partition("/")
        row, _, what = rest.partition("/")
        rows_of.setdefault(f"rows/*/{what}" if kind == "rows" else text, []).append(row)
    return [text.replace("*", rows[0], 1) if len(rows) == 1 else text for text, rows in rows_of.items()]


def _merged(found: Dict[str, Any], given: Dict[str, Any]) -> Dict[str, Any]:
    """Both together, where they do not differ."""
    merged = {**found, **given}
    for key in set(found) & set(given):
        if isinstance(found[key], dict):
            merged[key] = _merged(found[key], given[key])
    return merged
