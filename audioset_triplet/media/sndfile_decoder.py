"""libsndfile as the decoder of a part of a file: WAV, FLAC, Ogg Vorbis and Opus, MP3, AIFF and about twenty more."""

import re
from typing import BinaryIO, Iterator, Optional, Union

import numpy as np
import soundfile

from audioset_triplet.media import mpeg_frames
from audioset_triplet.media.audio_error import AudioError, Path
from audioset_triplet.media.file_parts import Opened, Part, PartReader, Refused, of_length

# Without a tag the length of an MP3 is an estimate, off by up to two frames of 1152 samples [measured].
_MP3_SLACK_SAMPLES = mpeg_frames.SLACK_FRAMES * 1152
_KNOWN_SAMPLES = range(1, 1 << 35)  # FLAC counts in 36 bits; libsndfile's "unknown" is the largest int64
_MPEG_FORMATS = ("MP3", "MPEG")
_MALFORMED = 3  # libsndfile knows the format, and the file is damaged


class _SequentialFile(soundfile.SoundFile):
    """A file that is read from beginning to end.

    Of a file that says it can be sought, soundfile seeks to the current position after every read; in an MP3 that
    changes the samples after the seam (by 1e-2, seen in a real clip).
    """

    def seekable(self) -> bool:
        return False


def open_part(path: Path, file: BinaryIO, size: int, part: Part, block_values: int, block_seconds: float) -> Opened:
    """Opens a part; nothing is decoded before its first block is asked for.

    Args:
        path: for errors.
        file: the file, unbuffered; it stays open until the last block is read.
        size: its bytes.
        part: of the file.
        block_values: most samples of all channels together in a block.
        block_seconds: length of a block, if it is not longer than that.

    Raises:
        Refused: libsndfile cannot read it, or it seems to be empty.
    """
    source: Union[int, PartReader] = PartReader(file, part)
    if part.is_all_of(size):
        file.seek(0)
        source = file.fileno()  # by name, libsndfile would believe the extension, and look for ._NAME beside it
    try:
        opened = _SequentialFile(source, closefd=False)
    except soundfile.LibsndfileError as error:
        raise Refused("damaged", error.code != _MALFORMED) from error
    if opened.format in _MPEG_FORMATS and not part.is_mpeg:  # libsndfile makes noise of some texts
        opened.close()
        raise Refused("damaged", True)
    if not opened.frames:
        opened.close()
        raise Refused("the file holds no samples", True, "empty")
    length = _length(opened, part)
    block_samples = max(1, min(round(block_seconds * opened.samplerate), block_values // opened.channels))
    return Opened(opened.samplerate, opened.channels, _blocks(path, opened, length, block_samples))


def is_streamed(file: BinaryIO) -> bool:
    """Whether the header of an open file does not say how long the audio is, or libsndfile cannot read it."""
    file.seek(0)
    try:
        with soundfile.SoundFile(file.fileno(), closefd=False) as opened:
            return opened.frames not in _KNOWN_SAMPLES
    except soundfile.LibsndfileError:
        return True


def _length(file: soundfile.SoundFile, part: Part) -> Optional[int]:
    """In samples; None: unknown."""
    if part.num_samples >= 0:
        return part.num_samples
    return file.frames if file.frames in _KNOWN_SAMPLES else None


def _blocks(path: Path, file: soundfile.SoundFile, length: Optional[int], block_samples: int) -> Iterator[np.ndarray]:
    with file:
        _check_declared_bytes(path, file)
        slack = _MP3_SLACK_SAMPLES if file.format in _MPEG_FORMATS else 0
        num_read = 0
        while True:
            try:
                block = file.read(block_samples, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                end = (num_read + block_samples) / file.samplerate
                if length is not None:
                    end = min(end, length / file.samplerate)
                where = f"between {num_read / file.samplerate:.2f} s and {end:.2f} s"
                raise AudioError(path, "truncated", f"damaged or cut {where}") from error
            num_read += len(block)
            if len(block):
                yield block
            if len(block) < block_samples:
                break
        if length is not None and num_read < length - slack:
            detail = f"the audio ends after {num_read / file.samplerate:.2f} s"
            raise AudioError(path, "truncated", detail + of_length(length, file.samplerate))


def _check_declared_bytes(path: Path, file: soundfile.SoundFile) -> None:
    """Of formats that are not measured before, libsndfile says only in its log that it cuts the length."""
    sizes = re.search(r"^ *Data length (\d+) should be (\d+)", file.extra_info, re.MULTILINE)
    if sizes and int(sizes[2]) < int(sizes[1]):
        raise AudioError(path, "truncated", f"{sizes[2]} of {sizes[1]} bytes of samples are there")
