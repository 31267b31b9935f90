"""How the votes of several raters become one rating, and ratings become labels."""

import dataclasses
from typing import Tuple

from audioset_triplet.config.options import Config, option, require


@dataclasses.dataclass(frozen=True)
class VotingConfig(Config):
    """What decides a label of a clip."""

    votes: int = option(
        0, "Equal votes that decide a label of a clip. 0: 1 where one rater has answered, else 2.", at_least=0
    )
    experts: Tuple[str, ...] = option((), "Names of raters whose latest vote decides alone.")


@dataclasses.dataclass(frozen=True)
class ExportConfig(Config):
    """What is made of an annotation log."""

    what: str = option(
        "ratings",
        "ratings: of intervals and clips, in AudioSet's framed columns. weak_labels: labels of clips, to learn from.",
        ("ratings", "weak_labels"),
    )
    classes: str = option(
        "",
        "Numbers of the classes for --what=weak_labels: class_labels_indices.csv, or a name per line, the first of "
        "which is class 0. Empty: those of the log, else the labels in the order of the alphabet.",
    )
    voting: VotingConfig = dataclasses.field(default_factory=VotingConfig)

    def check_rules(self) -> None:
        require(not self.classes or self.what == "weak_labels", "--classes has no effect without --what=weak_labels.")
