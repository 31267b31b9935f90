"""Which records a program reads, and in what order."""

import dataclasses
import re
from typing import ClassVar, Tuple

from audioset_triplet.config.options import Config, option, require

_SERVICE = re.compile(r"grpc://[^/:]+:\d+")


@dataclasses.dataclass(frozen=True)
class DataConfig(Config):
    """Which records are read, and in what order."""

    WHERE: ClassVar[Tuple[str, ...]] = ("data", "data_service")  # fields that say where they are, not which

    data: str = option("", "TFRecords to read: a glob, or several separated by commas.")
    folds: Tuple[int, ...] = option((), "Only clips of these folds, e.g. 1,2,3. Empty: all clips.")
    shuffle_clips: int = option(
        2000, "Clips in the shuffle buffer, about 0.3 MB each at ten seconds of 16 kHz.", at_least=1
    )
    windows_per_clip: int = option(
        1,
        "Examples cut from a clip each time it is read. 1: every example of an epoch is from another clip. More helps "
        "where reading limits the speed; they are then shuffled so that they land in different batches.",
        at_least=1,
    )
    data_service: str = option(
        "",
        "Address of a tf.data service that makes the batches on other machines, grpc://HOST:PORT "
        "(experiments.serve_data starts one). It must see the files of --data under the same names. Empty: this "
        "process makes them.",
    )

    def check_rules(self) -> None:
        require(
            not self.data_service or _SERVICE.fullmatch(self.data_service) is not None,
            f"--data_service must be grpc://HOST:PORT, not {self.data_service!r}.",
        )
