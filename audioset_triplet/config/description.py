"""What `experiments.describe_models` can be told."""

import dataclasses
from typing import Tuple

from audioset_triplet.config.network import ClassifierNetworkConfig
from audioset_triplet.config.options import Config, option


@dataclasses.dataclass(frozen=True)
class DescriptionConfig(Config):
    """Which networks are described, and how they are timed."""

    architectures: Tuple[str, ...] = option((), "Architectures to describe, separated by commas. Empty: all.")
    num_classes: int = option(
        0, "Classes of the classifiers. 0: as many as published, or 527, those of AudioSet.", at_least=0
    )
    windows_per_second: bool = option(
        True, "Measure how many windows per second each network computes on this machine, without learning from them."
    )
    batch_size: int = option(32, "Windows that are computed at once (windows_per_second).", at_least=1)
    seconds: float = option(5.0, "How long each network computes, at least (windows_per_second).", above=0)
    network: ClassifierNetworkConfig = dataclasses.field(default_factory=ClassifierNetworkConfig)
