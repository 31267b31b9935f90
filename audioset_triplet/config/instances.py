"""What `experiments.train_instances` can be told (Wu et al. 2018, NPID; Hornauer et al. 2021)."""

import dataclasses

from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.network import EmbeddingNetworkConfig
from audioset_triplet.config.options import Config, option
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.config.waveforms import WaveformConfig


@dataclasses.dataclass(frozen=True)
class InstanceLossConfig(Config):
    """The loss of instance discrimination: every clip is a class of its own, whose weights are a row of a bank."""

    temperature: float = option(
        0.4,
        "Temperature tau of the softmax over instances: similarities are divided by it. Hornauer et al. 2021: 0.4; Wu "
        "et al. 2018: 0.07.",
        above=0,
    )
    num_negatives: int = option(
        0,
        "K: other instances that a window is told from by noise-contrastive estimation, drawn at random with "
        "replacement. Hornauer et al. 2021: 64; Wu et al. 2018: 4096. 0: the softmax over all instances.",
        at_least=0,
    )
    bank_momentum: float = option(
        0.5,
        "Share of its old value that a row of the memory bank keeps when its clip is drawn.",
        at_least=0,
        below=1,
    )


@dataclasses.dataclass(frozen=True)
class InstanceConfig(Config):
    """Everything that decides what `experiments.train_instances` computes."""

    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    waveforms: WaveformConfig = dataclasses.field(default_factory=WaveformConfig)
    loss: InstanceLossConfig = dataclasses.field(default_factory=InstanceLossConfig)
    network: EmbeddingNetworkConfig = dataclasses.field(default_factory=EmbeddingNetworkConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
