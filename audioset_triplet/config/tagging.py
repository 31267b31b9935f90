"""What `experiments.tag` shows of each clip."""

import dataclasses

from audioset_triplet.config.options import Config, option


@dataclasses.dataclass(frozen=True)
class TagConfig(Config):
    """How much of each clip is shown."""

    top: int = option(5, "Classes that are shown: those with the highest scores in any window of the clip.", at_least=1)
    minutes: float = option(
        10.0, "Of a longer clip only the beginning is drawn and played; its table and tags.csv are whole.", above=0
    )
