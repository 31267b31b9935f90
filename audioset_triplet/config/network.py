"""Networks: their input, their architecture, and the settings of each architecture."""

import dataclasses
from typing import Tuple

from audioset_triplet.config.options import Config, option

STEM_STRIDES = (1, 2)


@dataclasses.dataclass(frozen=True)
class ResNetConfig(Config):
    """The settings of ResNets (Hershey et al. 2017, section 3)."""

    stem_stride: int = option(
        1, "Stride of the first convolution of a ResNet: 1 as published, 2 for small machines.", at_least=1, at_most=2
    )
    blocks: Tuple[int, ...] = option(
        (3, 4, 6, 3),
        "Blocks of the four stages of a ResNet; 3,4,6,3: the ResNet-50, as published.",
        at_least=1,
        length=4,
    )


@dataclasses.dataclass(frozen=True)
class NetworkConfig(Config):
    """A network on windows of audio."""

    front_end: str = option("log_mel", "Features that the network takes (audioset_triplet/frontend/registry.py).")
    architecture: str = option(
        "resnet50",
        "Architecture of the network: fc, alexnet, vgg19, inception_v3, resnet50 or mobilenet "
        "(experiments.describe_models prints how large and how fast each is).",
    )
    width: float = option(1.0, "Multiplier of every channel and unit count of the network.", above=0)
    batch_norm: str = option(
        "device",
        "Where batch normalization takes mean and variance from. device: each device's own part of the batch. all: the "
        "batch of all devices, so that a step does not depend on how many there are; slower.",
        ("device", "all"),
    )
    resnet: ResNetConfig = dataclasses.field(default_factory=ResNetConfig)


@dataclasses.dataclass(frozen=True)
class EmbeddingNetworkConfig(NetworkConfig):
    """A network from windows of audio to embeddings (Jansen et al. 2018: a linear layer of 128 units)."""

    embedding_size: int = option(128, "Dimensions of the embedding.", at_least=1)


@dataclasses.dataclass(frozen=True)
class ClassifierNetworkConfig(NetworkConfig):
    """A network from windows of audio to classes."""

    bottleneck: int = option(
        0,
        "Units of a linear layer between the network and the classes (Hershey et al. 2017, Table 3: 128). At unit "
        "length it is an embedding, which can be exported. 0: no such layer.",
        at_least=0,
    )
    dropout: float = option(
        0.0,
        "Share of the features of the network, below bottleneck and classes, that training drops. PANNs: 0.5.",
        at_least=0,
        below=1,
    )
