"""How records are prepared: configs like those of `audioset_triplet.config`."""

import dataclasses

from audioset_triplet.config.options import Config, option


@dataclasses.dataclass(frozen=True)
class RecordsConfig(Config):
    """How records are written."""

    num_shards: int = option(0, "Files per fold or list; 0: one for every 512 clips, and at least 2.", at_least=0)
    audio: str = option("pcm", "Samples, or the files' own bytes (smaller, slower to read).", ("pcm", "encoded"))
    min_seconds: float = option(0.1, "Shorter audio is rejected.", at_least=0)
    duration_slack_seconds: float = option(
        0.5,
        "How much longer or shorter than its clip audio may be to be trimmed or padded to it. Longer audio is "
        "rejected, since nobody knows which part of it is the clip; shorter audio is used as it is.",
        at_least=0,
    )


@dataclasses.dataclass(frozen=True)
class FramesConfig(Config):
    """Which images of a video are written beside its audio."""

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
class RunnerConfig(Config):
    """Where and how records are prepared; nothing of it changes them."""

    runner: str = option(
        "direct",
        "direct: processes on this machine. Or a runner of Apache Beam: dataflow, flink, spark, dask, ...; its own "
        "options follow after --, for example -- --dask_client_address=HOST:8786.",
    )
    num_workers: int = option(0, "Processes of the direct runner; 0: one per core.", at_least=0)
    max_reject_fraction: float = option(
        0.5,
        "Stop if more than this part of the audio files that exist is rejected (and more than nine of them).",
        at_least=0,
        at_most=1,
    )
