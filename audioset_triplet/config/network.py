"""Networks: their input, their architecture, and the settings of each architecture."""

import dataclasses
from typing import Tuple

from audioset_triplet.config.options import Config, option, require

STEM_STRIDES = (1, 2)
RESNETS = ("resnet50", "esresnet", "esresnet_attention")  # architectures with stages
STAGES = ("stage1", "stage2", "stage3", "stage4")
LAYERS = ("embedding", "features", *STAGES)


@dataclasses.dataclass(frozen=True)
class ResNetConfig(Config):
    """The settings of ResNets (Hershey et al. 2017, section 3)."""

    stem_stride: int = option(
        1,
        "Stride of the first convolution of resnet50: 1 as published, 2 for small machines. That of esresnet is 2.",
        at_least=1,
        at_most=2,
    )
    blocks: Tuple[int, ...] = option(
        (3, 4, 6, 3),
        "Blocks of the four stages of a ResNet; 3,4,6,3: the ResNet-50, as published.",
        at_least=1,
        length=4,
    )

    @property
    def num_layers(self) -> int:
        """50 of the ResNet-50: three in a block, the first convolution and the last product."""
        return 3 * sum(self.blocks) + 2


@dataclasses.dataclass(frozen=True)
class NetworkConfig(Config):
    """A network on windows of audio."""

    front_end: str = option(
        "log_mel",
        "Features that the network takes: log_mel; three_band, of ESResNet, or three_band_small, the last two with "
        "seconds of a window and stereo where wanted: three_band-4s-stereo.",
    )
    architecture: str = option(
        "resnet50",
        "Architecture of the network: fc, alexnet, vgg19, inception_v3, resnet50, mobilenet, esresnet, "
        "esresnet_attention or densenet121 (experiments.describe_models prints how large and how fast each is).",
    )
    width: float = option(1.0, "Multiplier of every channel and unit count of the network.", above=0)
    batch_norm: str = option(
        "device",
        "Where batch normalization takes mean and variance from. device: each device's own part of the batch. all: the "
        "batch of all devices, so that a step does not depend on how many there are; slower.",
        ("device", "all"),
    )
    imagenet_weights: str = option(
        "",
        "Weights that the network on audio starts with: the .h5 file of keras.applications, learned on ImageNet, for "
        "resnet50, esresnet, esresnet_attention or densenet121 on three_band. Empty: random weights.",
    )
    resnet: ResNetConfig = dataclasses.field(default_factory=ResNetConfig)


@dataclasses.dataclass(frozen=True)
class VectorConfig(Config):
    """The embedding of a window that an exported model gives: of which layers of the trained network."""

    layers: Tuple[str, ...] = option(
        ("embedding",),
        "Layers that an exported embedding consists of, side by side, each at unit length. embedding: the embedding "
        "layer, which the loss is on. features: what is below it. stage1 to stage4: the averages of the last map of a "
        "stage of a ResNet; lower ones suit classifiers, higher ones retrieval.",
        LAYERS,
    )
    whitening: float = option(
        0.0,
        "Whitening of an exported embedding, by the mean and the covariance of the windows that the network was "
        "trained on: 1 gives all its principal components the same variance, 0.5 the root of it, 0 is none.",
        at_least=0,
        at_most=1,
    )
    components: int = option(
        512, "Dimensions of a whitened embedding at most: the components of largest variance are kept.", at_least=1
    )

    def check_rules(self) -> None:
        require(len(self.layers) > 0, f"--layers needs one of {', '.join(LAYERS)}.")
        repeated = {name for name in self.layers if self.layers.count(name) > 1}
        require(not repeated, f"--layers has {min(repeated, default='')} twice.")


@dataclasses.dataclass(frozen=True)
class EmbeddingNetworkConfig(NetworkConfig):
    """A network from windows of audio to embeddings (Jansen et al. 2018: a linear layer of 128 units)."""

    embedding_size: int = option(128, "Dimensions of the embedding layer.", at_least=1)
    vectors: VectorConfig = dataclasses.field(default_factory=VectorConfig)


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
