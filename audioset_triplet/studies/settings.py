"""The parts of the settings of a study that several studies have."""

import dataclasses
from typing import Any, Dict, Union

from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.instances import InstanceConfig
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.records import reading


def describe_records(data: DataConfig) -> Dict[str, Any]:
    """Which records, wherever they are."""
    return {"folds": data.folds, **reading.describe_files(data.data)}


def describe_training(config: Union[TripletConfig, ClassifierConfig, InstanceConfig]) -> Dict[str, Any]:
    """How the network of a row is trained, but for its records and its seed, which are not the row's."""
    values = dataclasses.asdict(config)
    for name in ("data", "folds", "data_service"):  # the study has them, and where they are read does not matter
        del values["data"][name]
    del values["training"]["seed"]  # the cell has it
    return values
