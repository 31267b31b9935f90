"""The objectives: their names in config.json, and the classes of their settings."""

from typing import Any, Dict, Type

from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.clustering import ClusterConfig
from audioset_triplet.config.coincidence import CoincidenceConfig
from audioset_triplet.config.instances import InstanceConfig
from audioset_triplet.config.training import RunConfig
from audioset_triplet.config.triplet import TripletConfig

OBJECTIVES: Dict[str, Type[Any]] = {
    "triplet": TripletConfig,
    "instances": InstanceConfig,
    "classifier": ClassifierConfig,
    "coincidence": CoincidenceConfig,
    "clustering": ClusterConfig,
}
EMBEDDING = (TripletConfig, InstanceConfig, CoincidenceConfig)  # those that train an embedding


def name_of(config_class: Type[RunConfig]) -> str:
    """The name of the objective whose settings are of this class."""
    return next(name for name, known in OBJECTIVES.items() if known is config_class)
