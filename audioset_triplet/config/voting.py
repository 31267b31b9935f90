"""How the votes of several raters become one rating."""

import dataclasses
from typing import Tuple

from audioset_triplet.config.options import Config, option


@dataclasses.dataclass(frozen=True)
class VotingConfig(Config):
    """What decides a label of a clip."""

    votes: int = option(
        0, "Equal votes that decide a label of a clip. 0: 1 where one rater has answered, else 2.", at_least=0
    )
    experts: Tuple[str, ...] = option((), "Names of raters whose latest vote decides alone.")
