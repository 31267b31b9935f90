"""What `experiments.refine_labels` can be told."""

import dataclasses

from audioset_triplet.config.options import Config, option


@dataclasses.dataclass(frozen=True)
class RefinementConfig(Config):
    """Which windows keep the labels of their clip."""

    threshold: float = option(
        0.66,
        "A window keeps a label if its score is at least this share of the largest score in the clip (0.66 in "
        "AudioSet's talk). 0: every window keeps every label; 1: the windows with the largest score do.",
        at_least=0,
        at_most=1,
    )
