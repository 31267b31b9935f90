"""What `experiments.train_triplet` can be told (Jansen et al. 2018)."""

import dataclasses
from typing import Tuple

from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.network import EmbeddingNetworkConfig
from audioset_triplet.config.options import Config, option, require
from audioset_triplet.config.training import TrainingConfig

UNSUPERVISED_METHODS = ("noise", "translation", "mixing", "proximity")
METHODS = UNSUPERVISED_METHODS + ("labels", "joint")
COMPOSABLE_METHODS = ("joint", "labels")  # for which --combination=composed has a meaning


@dataclasses.dataclass(frozen=True)
class SamplingConfig(Config):
    """How triplets are sampled (Jansen et al. 2018, section 3)."""

    method: str = option(
        "joint",
        "How a positive is made from an anchor. noise: Gaussian, on the energies. translation: in time and frequency. "
        "mixing: with another clip. proximity: another window of the recording. labels: another clip of the class. "
        "joint: one of the first four, drawn for each triplet by --shares.",
        METHODS,
    )
    shares: Tuple[float, ...] = option(
        (1.0, 1.0, 1.0, 1.0),
        "Relative shares of noise, translation, mixing and proximity in the joint method.",
        at_least=0,
        length=len(UNSUPERVISED_METHODS),
    )
    combination: str = option(
        "single",
        "single: one method makes each triplet, as published. composed (of joint and labels): both windows of every "
        "triplet, two of one recording (joint) or class (labels), are mixed, translated, made noisy, filtered and "
        "amplified.",
        ("single", "composed"),
    )
    noise_sigma: float = option(0.5, "Standard deviation of the Gaussian that scales each energy.", at_least=0)
    shift_bands: int = option(10, "Largest shift in frequency, in bands of the front end.", at_least=0)
    mixing_alpha: float = option(
        0.25,
        "Energy of the mixed-in example relative to the anchor's; with --combination=composed: at most.",
        at_least=0,
    )
    filter_db: float = option(
        0.0,
        "With --combination=composed: standard deviation in dB of a random frequency response by which each window is "
        "multiplied (FilterAugment, Nam et al. 2022). 0: none, as published.",
        at_least=0,
        at_most=40,
    )
    level_db: float = option(
        0.0,
        "With --combination=composed: standard deviation in dB of a random change of each window's level. 0: none, as "
        "published.",
        at_least=0,
        at_most=40,
    )
    proximity_seconds: float = option(
        10.0, "Largest distance in time between anchor and positive; longer than a window.", above=0
    )
    sampling_device: str = option(
        "host",
        "Where the front end runs and triplets are sampled: in the input pipeline, or in the training step, to which "
        "the host then sends samples only. One device gets the same triplets either way; of several, each samples its "
        "own part of the batch.",
        ("host", "accelerator"),
    )

    def check_rules(self) -> None:
        require(sum(self.shares) > 0, f"--shares must not all be 0 ({', '.join(UNSUPERVISED_METHODS)}).")
        require(
            self.combination == "single" or self.method in COMPOSABLE_METHODS,
            f"--combination=composed needs --method={' or '.join(COMPOSABLE_METHODS)}, not {self.method}.",
        )
        require(
            self.combination == "single" or len(set(self.shares)) == 1,
            "--shares divides triplets among methods: it needs --combination=single.",
        )
        for name in ("filter_db", "level_db"):
            require(
                self.combination == "composed" or not getattr(self, name),
                f"--{name} is for windows to which all methods are applied: it needs --combination=composed.",
            )


@dataclasses.dataclass(frozen=True)
class LossConfig(Config):
    """The loss on triplets or pairs, and where its negatives come from."""

    loss: str = option(
        "triplet",
        "triplet: a hinge against one negative (Jansen et al. 2018, equation 1). nt_xent: a softmax against all "
        "negatives of the batch (Chen et al. 2020, equation 1). instances: a softmax over all recordings, each a class "
        "with a learned vector (Cao et al. 2020, PIC), for both windows; a mixture is of both its recordings.",
        ("triplet", "nt_xent", "instances"),
    )
    margin: float = option(0.1, "Margin of the hinge of the triplet loss, on squared distances.", above=0)
    negatives: str = option(
        "semi_hard",
        "Negatives of the triplet loss. semi_hard: mined in the batch. sampled: the negative sampled with the triplet.",
        ("semi_hard", "sampled"),
    )
    candidates: str = option(
        "all",
        "Where negatives are mined. all: in the batch of all devices, so that a step does not depend on how many there "
        "are. device: in each device's own part.",
        ("all", "device"),
    )
    temperature: float = option(
        0.1,
        "Temperature of nt_xent and instances: cosines are divided by it (0.1 is the best of Chen et al. 2020, table "
        "5).",
        above=0,
    )

    def check_rules(self) -> None:
        require(
            self.loss == "triplet" or self.negatives == "semi_hard",
            f"--negatives=sampled needs --loss=triplet: {self.loss} takes all negatives that there are.",
        )


@dataclasses.dataclass(frozen=True)
class TripletConfig(Config):
    """Everything that decides what `experiments.train_triplet` computes."""

    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    sampling: SamplingConfig = dataclasses.field(default_factory=SamplingConfig)
    network: EmbeddingNetworkConfig = dataclasses.field(default_factory=EmbeddingNetworkConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)

    def check_rules(self) -> None:
        require(
            self.loss.loss != "instances" or self.sampling.method != "labels",
            "--loss=instances takes no labels: its classes are the recordings. Give another --method than labels.",
        )
