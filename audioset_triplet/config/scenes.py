"""What a world of synthetic scenes is like (`data_prep.synthesize_scenes`)."""

import dataclasses
from typing import Tuple

from audioset_triplet.config.options import Config, option, require

GEOMETRIC, POWER = "geometric", "power"  # --prior_law


@dataclasses.dataclass(frozen=True)
class PriorsConfig(Config):
    """How common each class is. The scenes with a class are a share of all scenes: its prior."""

    highest_prior: float = option(0.5, "Prior of the most common class.", above=0, below=1)
    prior_ratio: float = option(1000.0, "Prior of the most common class divided by that of the rarest.", at_least=1)
    prior_law: str = option(
        GEOMETRIC,
        "How priors fall in between. geometric: by the same factor from class to class. power: with a power of the "
        "rank, as words do by Zipf's law: few classes are common, and most are rarer than the mean, as in AudioSet.",
        (GEOMETRIC, POWER),
    )
    common_classes: Tuple[str, ...] = option(
        (), "The most common classes, in this order; the others follow in the order of --prior_seed."
    )
    prior_seed: int = option(
        0, "Which class is common and which rare. The same for training and evaluation, unlike --seed.", at_least=0
    )


@dataclasses.dataclass(frozen=True)
class SceneConfig(PriorsConfig):
    """A scene: its events, its background and what is rated."""

    seconds: float = option(10.0, "Length of a scene.", at_least=1, at_most=600)
    sample_rate_hz: int = option(16000, "Sample rate of the scenes, which are mono.", at_least=1000, at_most=192000)
    max_event_seconds: float = option(5.0, "A longer clip is cut to this length, at random.", at_least=0.1)
    max_overlap: int = option(3, "Events at a time, at most.", at_least=1)
    snr_db: Tuple[float, ...] = option(
        (0.0, 20.0),
        "Level of an event above that of the background, in dB: uniform between these two.",
        at_least=-10,  # quieter events would be heard nowhere: `synthetic.activity.audible`
        at_most=60,
        length=2,
    )
    background_dbfs: Tuple[float, ...] = option(
        (-50.0, -30.0),
        "Level of the background, in dB of full scale: uniform between these two.",
        at_least=-80,
        at_most=-10,
        length=2,
    )
    background_classes: Tuple[str, ...] = option((), "Classes of --source that are backgrounds, and no labels.")
    hard_negatives: int = option(
        3, "Classes of a scene that are absent, similar to one of its own, and rated NOT_PRESENT.", at_least=0
    )
    frame_seconds: float = option(0.96, "Grid of framed_posneg.tsv, as AudioSet's.", at_least=0.1)
    seed: int = option(0, "Another seed makes other scenes.", at_least=0)

    def check_rules(self) -> None:
        for name in ("snr_db", "background_dbfs"):
            low, high = getattr(self, name)
            require(low <= high, f"--{name}={low:g},{high:g}: the lower one comes first.")
        require(
            self.frame_seconds <= self.seconds,
            f"--frame_seconds={self.frame_seconds:g} is longer than a scene: lower it, or raise --seconds.",
        )
        both = sorted({*self.common_classes} & {*self.background_classes})
        require(not both, f"{', '.join(both)}: in --common_classes and in --background_classes: keep one.")
        require(
            len(set(self.common_classes)) == len(self.common_classes), "--common_classes names a class more than once."
        )
