"""What `experiments.train_classifier` can be told."""

import dataclasses

from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.network import ClassifierNetworkConfig
from audioset_triplet.config.options import Config, option, require
from audioset_triplet.config.training import TrainingConfig

LOSSES = ("softmax", "sigmoid")


@dataclasses.dataclass(frozen=True)
class LabelConfig(Config):
    """Which labels a classifier learns from."""

    clips: str = option("", "File with one clip id per line: learn from these clips only. Empty: from all.")


@dataclasses.dataclass(frozen=True)
class ClassifierLossConfig(Config):
    """The loss of a classifier."""

    loss: str = option(
        "auto",
        "Loss of a window. softmax: for clips of exactly one label. sigmoid: each class by itself, as in "
        "Hershey et al. 2017. auto: softmax where every clip has exactly one label, else sigmoid.",
        ("auto", *LOSSES),
    )
    prior_exponent: float = option(
        0.0,
        "beta: the loss of a positive is weighted by (mean prior / prior of its class)^beta, which raises the scores "
        "of rare classes; negatives are not weighted. The prior of a class is the share of the clips that have it. 0: "
        "no weights; 1: as if all classes were equally frequent.",
        at_least=0,
        at_most=2,
    )
    priors: str = option(
        "",
        "coverage.json, beside the records, from which --prior_exponent takes the priors. Empty: from the clips of the "
        "run.",
    )

    def check_rules(self) -> None:
        require(not self.priors or self.prior_exponent > 0, "--priors has no effect without --prior_exponent.")


@dataclasses.dataclass(frozen=True)
class ClassifierConfig(Config):
    """Everything that decides what `experiments.train_classifier` learns."""

    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    labels: LabelConfig = dataclasses.field(default_factory=LabelConfig)
    loss: ClassifierLossConfig = dataclasses.field(default_factory=ClassifierLossConfig)
    network: ClassifierNetworkConfig = dataclasses.field(default_factory=ClassifierNetworkConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
