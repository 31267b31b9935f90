"""The settings of a table: rows, splits and seeds may be added to it, but its settings cannot change."""

import dataclasses
from typing import Any, Dict, Sequence, Union

from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.records import reading
from audioset_triplet.records.splits import DataSplit
from audioset_triplet.studies.jansen2018.evaluations import Evaluations
from audioset_triplet.studies.jansen2018.rows import Configs


def describe(splits: Sequence[DataSplit], configs: Configs, evaluations: Evaluations) -> Dict[str, Any]:
    """Everything that decides the results of a table, nested."""
    return {
        "splits": {split.name: _describe_split(split) for split in splits},
        "rows": {name: _describe_row(config) for name, config in configs.items()},
        "evaluations": dataclasses.asdict(evaluations),
        "window_weights": "loudness",
    }


def _describe_split(split: DataSplit) -> Dict[str, Any]:
    sides = {"train": split.train, "held_out": split.held_out}
    return {name: {"folds": data.folds, **reading.describe_files(data.data)} for name, data in sides.items()}


def _describe_row(config: Union[TripletConfig, ClassifierConfig]) -> Dict[str, Any]:
    values = dataclasses.asdict(config)
    for name in ("data", "folds", "data_service"):  # the split has them, and where they are read does not matter
        del values["data"][name]
    del values["training"]["seed"]  # the cell has it
    return values
