"""How records are prepared: frozen dataclasses like those of `audioset_triplet.config`."""

import dataclasses
import math

from audioset_triplet.options import option, require


@dataclasses.dataclass(frozen=True)
class RecordsConfig:
    """How records are written."""

    num_shards: int = option(0, "Files per fold or list; 0: one for every 512 clips, and at least 2.")
    audio: str = option("pcm", "Samples, or the files' own bytes (smaller, slower to read).", ("pcm", "encoded"))
    min_seconds: float = option(0.1, "A sound that is shorter than this is not used.")
    duration_slack_seconds: float = option(
        0.5,
        "How much longer or shorter than its clip a sound may be to be trimmed or padded to it. A longer one is not "
        "used, since nobody knows which part of it is the clip; a shorter one is kept as it is.",
    )

    def __post_init__(self) -> None:
        require(self.num_shards >= 0, f"--num_shards must be at least 0, not {self.num_shards}.")
        require(0 <= self.min_seconds < math.inf, f"--min_seconds must be 0 or more, not {self.min_seconds}.")
        require(
            0 <= self.duration_slack_seconds < math.inf,
            f"--duration_slack_seconds must be 0 or more, not {self.duration_slack_seconds}.",
        )


@dataclasses.dataclass(frozen=True)
class FramesConfig:
    """Which pictures of a video are written beside its sound."""

    frames_per_second: float = option(
        1.0, "Pictures per second of sound: the first that appears in each such interval, or the one that stays on."
    )
    image_size: int = option(
        128,
        "Pictures are squares of so many pixels a side: the short side is scaled to it, the long one cropped to it.",
    )
    jpeg_quality: int = option(90, "Quality of the pictures, 1 to 95.")

    def __post_init__(self) -> None:
        require(
            0 < self.frames_per_second < math.inf,
            f"--frames_per_second must be above 0, not {self.frames_per_second}.",
        )
        require(8 <= self.image_size <= 4096, f"--image_size must be between 8 and 4096, not {self.image_size}.")
        require(1 <= self.jpeg_quality <= 95, f"--jpeg_quality must be between 1 and 95, not {self.jpeg_quality}.")


@dataclasses.dataclass(frozen=True)
class RunnerConfig:
    """Where and how records are prepared; nothing of it changes them."""

    runner: str = option(
        "direct",
        "direct: processes on this machine. Or a runner of Apache Beam: dataflow, flink, spark, dask, ...; its own "
        "options follow after --, for example -- --dask_client_address=HOST:8786.",
    )
    num_workers: int = option(0, "Processes of the direct runner; 0: one per core.")
    max_reject_fraction: float = option(
        0.5, "Stop if more than this part of the sounds that are there cannot be used (and more than nine of them)."
    )

    def __post_init__(self) -> None:
        require(self.num_workers >= 0, f"--num_workers must be at least 0, not {self.num_workers}.")
        require(
            0 <= self.max_reject_fraction <= 1,
            f"--max_reject_fraction must be between 0 and 1, not {self.max_reject_fraction}.",
        )
