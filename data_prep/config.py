"""How records are prepared: configs like those of `audioset_triplet.config`."""

import dataclasses

from audioset_triplet.config.options import Config, option, require
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.media import encodings


@dataclasses.dataclass(frozen=True)
class RecordsConfig(Config):
    """The format of the records, and which audio becomes one."""

    num_shards: int = option(0, "Files per fold or list; 0: one for every 512 clips, and at least 2.", at_least=0)
    audio: str = option(
        "pcm",
        "pcm: samples. encoded: the bytes of the files (smaller, slower to read), where they can be decoded inside the "
        "graph; samples of the others.",
        ("pcm", "encoded"),
    )
    sample_rate_hz: int = option(16000, "Sample rate of the records.", at_least=1000, at_most=192000)
    channels: int = option(
        1,
        "Channels of the records. Files with exactly so many keep them; of other files the channels are averaged, and "
        "the average is repeated in each channel.",
        at_least=1,
        at_most=2,
    )
    min_seconds: float = option(0.1, "Shorter audio is rejected.", at_least=0)
    duration_slack_seconds: float = option(
        0.5,
        "Audio that is longer or shorter than listed by at most this is trimmed or padded. Longer audio is rejected, "
        "since it is unknown which part of it is the clip; shorter audio is used as it is.",
        at_least=0,
    )

    def check_rules(self) -> None:
        usual_rates_hz = (44100, 48000)
        require(
            self.audio == "pcm" or any(encodings.can_resample(hz, self.sample_rate_hz) for hz in usual_rates_hz),
            f"--audio=encoded: the graph cannot resample 44.1 or 48 kHz to --sample_rate_hz={self.sample_rate_hz}: "
            "choose another rate, or --audio=pcm.",
        )


@dataclasses.dataclass(frozen=True)
class FramesConfig(Config):
    """Which images of a video are written with its audio."""

    frames_per_second: float = option(
        1.0,
        "Images per second of audio: the first that appears in each such interval, or the one that stays on screen.",
        above=0,
    )
    image_size: int = option(
        128,
        "Images are squares of so many pixels a side: the short side is scaled to it, the long one cropped to it.",
        at_least=8,
        at_most=4096,
    )
    jpeg_quality: int = option(90, "JPEG quality of the images.", at_least=1, at_most=95)


@dataclasses.dataclass(frozen=True)
class PreparationConfig(RunnerConfig):
    """Where records are prepared, and what stops it; it does not change them."""

    max_reject_fraction: float = option(
        0.5,
        "Stop if more than this fraction of the files is rejected (and more than nine of them).",
        at_least=0,
        at_most=1,
    )
