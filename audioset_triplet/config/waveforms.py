"""How a window is cut from the waveform of a clip in training."""

import dataclasses

from audioset_triplet.config.options import Config, option


@dataclasses.dataclass(frozen=True)
class WaveformConfig(Config):
    """Scaling in time, padding, cropping and reversal (Guzhov et al. 2021, ESResNet; Hornauer et al. 2021)."""

    time_scale: float = option(
        1.0,
        "Largest factor by which a clip is made longer or shorter, with its pitch: the factor is time_scale^u with u "
        "from -1 to 1. ESResNet: 1.25. 1: none is scaled.",
        at_least=1,
        at_most=4,
    )
    random_padding: bool = option(
        False,
        "A clip shorter than a window lies anywhere in it, between repetitions of its first and of its last sample, as "
        "in ESResNet. false: at the start, with silence after it, as in evaluation.",
    )
    random_crop: bool = option(
        True, "A window is anywhere in a longer clip. false: in its middle, so that every epoch sees the same."
    )
    reversed_share: float = option(
        0.0, "Share of the windows that are reversed in time. Hornauer et al. 2021: 0.5.", at_least=0, at_most=1
    )


RANDOM_CROP = WaveformConfig()  # a window is a stretch of the clip as it is, from anywhere
