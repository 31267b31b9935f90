"""The settings of a table: rows, splits and seeds may be added to it, but its settings cannot change."""

import dataclasses
from typing import Any, Dict, Sequence

from audioset_triplet.records.splits import DataSplit
from audioset_triplet.studies.jansen2018.evaluations import Evaluations
from audioset_triplet.studies.jansen2018.rows import Configs
from audioset_triplet.studies.settings import describe_records, describe_training


def describe(splits: Sequence[DataSplit], configs: Configs, evaluations: Evaluations) -> Dict[str, Any]:
    """Everything that decides the results of a table, nested."""
    return {
        "splits": {split.name: _describe_split(split) for split in splits},
        "rows": {name: describe_training(config) for name, config in configs.items()},
        "evaluations": dataclasses.asdict(evaluations),
        "window_weights": "loudness",
    }


def _describe_split(split: DataSplit) -> Dict[str, Any]:
    return {"train": describe_records(split.train), "held_out": describe_records(split.held_out)}
