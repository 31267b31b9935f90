"""The error of a file that cannot be used, whatever is wrong with it."""

import contextlib
import errno
import os
from typing import Iterator, Union

from audioset_triplet.errors import UserError
from audioset_triplet.files import printable

Path = Union[str, "os.PathLike[str]"]

# What a header may claim: infrasound is recorded at hundreds of Hz, ultrasound at a few MHz, and the largest arrays of
# microphones have some hundred channels.
RATES_HZ = range(100, 4_000_001)
MAX_CHANNELS = 256


class AudioError(UserError):
    """An audio or video file that cannot be used.

    Attributes:
        reason: `missing`, `unreadable`, `file name`, `no audio`, `truncated`, `empty`, `not finite` or `not scaled`; of
            images (`video_files`) also `no images` and `broken times`; where clips are prepared (`data_prep`) also
            `too short` and `wrong duration`.
        detail: what is wrong in other words, without the path.
    """

    def __init__(self, path: Path, reason: str, detail: str) -> None:
        super().__init__(f"{printable(path)}: {reason}: {detail}")
        self.reason = reason
        self.detail = detail


def require_possible(path: Path, rate_hz: int, num_channels: int) -> None:
    """Raises an AudioError for a sample rate or a number of channels that no recording has."""
    if rate_hz not in RATES_HZ:
        detail = f"its header says {rate_hz} Hz, and {RATES_HZ[0]} to {RATES_HZ[-1]} are possible"
        raise AudioError(path, "unreadable", detail)
    if not 1 <= num_channels <= MAX_CHANNELS:
        detail = f"its header says {num_channels} channels, and 1 to {MAX_CHANNELS} are possible"
        raise AudioError(path, "unreadable", detail)


@contextlib.contextmanager
def as_audio_error(path: Path) -> Iterator[None]:
    """Turns whatever a file makes a decoder raise into an AudioError, so that it ends no run; a full disk does."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        text = " ".join(str(error).split()) or "no memory" * isinstance(error, MemoryError)
        raise AudioError(path, "unreadable", f"decoding fails: {type(error).__name__} {text}".rstrip()) from error
