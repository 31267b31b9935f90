"""What can be told about heads that learn from ratings, the detections that they give, and the loop on the page."""

import dataclasses

from audioset_triplet.config.options import Config, option, require
from audioset_triplet.config.voting import VotingConfig

LOGISTIC, FC = "logistic", "fc"


@dataclasses.dataclass(frozen=True)
class RatedHeadConfig(Config):
    """How a head learns from ratings, and how its precision is estimated."""

    classifier: str = option(
        LOGISTIC,
        "The head on the embeddings: a logistic regression for each class, or one hidden layer of 512 units that all "
        "classes share.",
        (LOGISTIC, FC),
    )
    rating_folds: int = option(5, "Folds of the cross-validation, which keeps recordings together.", at_least=2)
    precision: float = option(
        0.9,
        "Precision asked of the events of a class, and of their windows: its threshold is the lowest that reaches it.",
        above=0,
        below=1,
    )
    confidence: float = option(
        0.8,
        "How sure the precision is to be reached: the one-sided lower bound of Wilson counts. 0.5: the estimate.",
        at_least=0.5,
        below=1,
    )
    window_seconds: float = option(
        0.0, "Length of a window of the embeddings. 0: what their front end says, else their hop.", at_least=0
    )
    max_gap_seconds: float = option(
        0.0, "Windows of a class at or above its threshold join across a gap of so many seconds at most.", at_least=0
    )
    head_seed: int = option(0, "Seed of the folds and of the head.", at_least=0)
    voting: VotingConfig = dataclasses.field(default_factory=VotingConfig)


@dataclasses.dataclass(frozen=True)
class DetectionConfig(Config):
    """What becomes a detection."""

    threshold: float = option(
        0.0,
        "Threshold of all classes in place of --precision, also of those whose precision is not known. 0: none.",
        at_least=0,
        below=1,
    )
    low_hz: float = option(0.0, "Low Freq (Hz) of the Raven tables.", at_least=0)
    high_hz: float = option(8000.0, "High Freq (Hz) of the Raven tables.", above=0)


@dataclasses.dataclass(frozen=True)
class LoopConfig(Config):
    """The loop on the rating page."""

    embeddings: str = option(
        "",
        "Embeddings of the clips: the page trains a head on the ratings and offers clips. Empty: no loop.",
    )
    train_every: int = option(20, "Train by itself after so many new answers. 0: only when asked to.", at_least=0)
    head: RatedHeadConfig = dataclasses.field(default_factory=RatedHeadConfig)

    def check_rules(self) -> None:
        is_given = self.head != RatedHeadConfig() or self.train_every != type(self).train_every
        require(bool(self.embeddings) or not is_given, "flags of the head and --train_every need --embeddings.")
