"""What `experiments.train_classifier` can be told."""

import dataclasses

from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.network import ClassifierNetworkConfig
from audioset_triplet.config.options import Config, option
from audioset_triplet.config.training import TrainingConfig


@dataclasses.dataclass(frozen=True)
class LabelConfig(Config):
    """Which labels a classifier learns from."""

    clips: str = option("", "File with one clip id per line: learn from these clips only. Empty: from all.")


@dataclasses.dataclass(frozen=True)
class ClassifierConfig(Config):
    """Everything that decides what `experiments.train_classifier` learns."""

    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    labels: LabelConfig = dataclasses.field(default_factory=LabelConfig)
    network: ClassifierNetworkConfig = dataclasses.field(default_factory=ClassifierNetworkConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
