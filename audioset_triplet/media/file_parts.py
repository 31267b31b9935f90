"""Parts of a file that are files of their own: those of a chain, or samples under a header that was repaired.

And what a decoder makes of one.
"""

import io
import os
from typing import BinaryIO, Iterator, NamedTuple, Optional

import numpy as np

# More than these after the end that a header gives are audio that it does not count; less may be anything.
MOST_RUBBISH_BYTES = 1 << 14


class Part(NamedTuple):
    """A range of the bytes of a file, in which a decoder sees a whole file."""

    start: int
    end: int
    header: bytes = b""  # what the decoder sees before the range
    by_ffmpeg: bool = False  # libsndfile is not asked
    is_mpeg: bool = False  # frames of MPEG audio were counted in it
    num_samples: int = -1  # of each channel; -1: as the decoder says

    def is_all_of(self, size: int) -> bool:
        """Whether the part is a file of so many bytes as it is."""
        return not self.header and (self.start, self.end) == (0, size)


class Opened(NamedTuple):
    """A part that a decoder has opened."""

    rate_hz: int
    num_channels: int
    blocks: Iterator[np.ndarray]  # float32 [L, channels]


class Refused(Exception):
    """A decoder cannot read a part; `may_be_readable`: another one perhaps can."""

    def __init__(self, detail: str, may_be_readable: bool, reason: str = "unreadable") -> None:
        super().__init__(detail)
        self.reason = reason  # as of an `AudioError`
        self.may_be_readable = may_be_readable


def of_length(num_samples: Optional[int], rate_hz: int) -> str:
    """The length that a header gives, to be added to where the audio ends."""
    return f" of {num_samples / rate_hz:.2f} s" if num_samples is not None else ""


class PartReader(io.RawIOBase):
    """A part as a binary file that is read, and sought."""

    def __init__(self, file: BinaryIO, part: Part) -> None:
        super().__init__()
        self._file = file
        self._part = part
        self._size = len(part.header) + part.end - part.start
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer) -> int:
        wanted = min(len(buffer), self._size - self._position)
        if wanted <= 0:
            return 0
        num_header = len(self._part.header)
        if self._position < num_header:
            data = self._part.header[self._position : self._position + wanted]
        else:
            self._file.seek(self._part.start + self._position - num_header)
            data = self._file.read(wanted)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
