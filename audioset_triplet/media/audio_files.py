"""Audio files on disk -> float32 samples at the rate and with the channels that are asked for, in blocks.

The one decoder of files in the project. It stands on librosa's own stack: libsndfile (WAV, FLAC, OGG, MP3, AIFF, ...)
and soxr. What it returns equals `librosa.load(path, sr=sample_rate_hz, mono=True)`, but in constant memory. What
libsndfile does not know (M4A, MP4, WebM, ...) is decoded by FFmpeg through PyAV, an extra. `audio_parts` decides.

A file with exactly `num_channels` channels keeps them. Of any other file the channels are averaged, before the
resampling as in VGGish, and the average is repeated in every channel: so mono is the mean of all channels, and stereo
of a mono file holds it twice.

A damaged file is an error with a reason, never a shorter or silent clip. Whatever goes wrong with a file is an
AudioError.
"""

import contextlib
import math
import os
import stat
from typing import BinaryIO, Iterator, Optional, Tuple

import numpy as np
import soxr

from audioset_triplet.files import is_text
from audioset_triplet.media import audio_parts, ffmpeg_decoder, sndfile_decoder
from audioset_triplet.media.audio_error import AudioError, Path, as_audio_error, require_possible
from audioset_triplet.media.file_bytes import FileBytes
from audioset_triplet.media.file_parts import Opened, Part, Refused

__all__ = ["AudioError", "Path", "load", "open_stream", "stream"]

# Samples of a block, in all channels: 30 s of 48 kHz stereo are 3 million.
_BLOCK_VALUES = 1 << 23
# Decoders of lossy formats overshoot full scale by a factor of two at most, recorders of floats perhaps by some more;
# int16 values that were written as floats are in the thousands.
_MAX_PEAK = 8.0


def load(path: Path, *, sample_rate_hz: int, num_channels: int = 1) -> np.ndarray:
    """The whole file: float32 [L] of one channel, else [L, num_channels], in [-1, 1] but for what the codec overshoots.

    Raises:
        AudioError: the file is missing, unreadable, truncated, empty, or holds samples that are not finite, or far
            beyond full scale.
    """
    return np.concatenate(list(stream(path, sample_rate_hz=sample_rate_hz, num_channels=num_channels)))


def stream(
    path: Path, *, sample_rate_hz: int, num_channels: int = 1, block_seconds: float = 30.0
) -> Iterator[np.ndarray]:
    """The file in blocks of about `block_seconds`, shaped like the result of `load`; memory does not grow with length.

    The blocks together are ceil(samples * sample_rate_hz / rate of the file) samples long, as from librosa. Nothing is
    read before the first block is asked for; an error in the middle of a file arrives after the blocks before it.

    Raises:
        AudioError: see `load`.
    """
    yield from open_stream(path, sample_rate_hz=sample_rate_hz, num_channels=num_channels, block_seconds=block_seconds)[
        1
    ]


def open_stream(
    path: Path, *, sample_rate_hz: int, num_channels: int = 1, block_seconds: float = 30.0
) -> Tuple[int, Iterator[np.ndarray]]:
    """(sample rate of the file itself in Hz, its blocks as from `stream`).

    Raises:
        AudioError: the file cannot be opened; when the blocks are read, see `load`.
    """
    with as_audio_error(path):
        opened = _open(path, block_seconds)
    resampled = _resampled(path, opened, sample_rate_hz, num_channels)
    return opened.rate_hz, (block[:, 0] for block in resampled) if num_channels == 1 else resampled


def _with_channels(samples: np.ndarray, num_channels: int) -> np.ndarray:
    """float32 [L, any number of channels] -> [L, num_channels], by the rule of this module."""
    if samples.shape[1] != num_channels:
        mono = samples.mean(axis=1, dtype=np.float32, keepdims=True)
        samples = np.repeat(mono, num_channels, axis=1)
    return np.ascontiguousarray(samples)


def _resampled(path: Path, file: Opened, sample_rate_hz: int, num_channels: int) -> Iterator[np.ndarray]:
    """Blocks [L, num_channels] at another rate; checks that there are samples, and that they are possible."""
    with as_audio_error(path):
        resampler = None
        if file.rate_hz != sample_rate_hz:
            resampler = soxr.ResampleStream(file.rate_hz, sample_rate_hz, num_channels, "float32", "HQ")
        num_read = num_resampled = 0
        for samples in file.blocks:
            if not max(samples.max(), -samples.min()) <= _MAX_PEAK:
                _refuse_samples(path, samples, num_read, file.rate_hz)
            block = _with_channels(samples, num_channels)
            num_read += len(block)
            resampled = resampler.resample_chunk(block) if resampler else block
            num_resampled += len(resampled)
            if len(resampled):
                yield resampled
        if not num_read:
            raise AudioError(path, "empty", "the file holds no samples")
        if resampler:
            missing = math.ceil(num_read * sample_rate_hz / file.rate_hz) - num_resampled
            tail = resampler.resample_chunk(np.zeros((0, num_channels), np.float32), last=True)[:missing]
            if missing > 0:
                yield np.pad(tail, ((0, missing - len(tail)), (0, 0)))


def _refuse_samples(path: Path, samples: np.ndarray, num_before: int, rate_hz: int) -> None:
    """Raises an AudioError for the first sample that is not finite, else for the peak of the block."""
    is_finite = np.isfinite(samples).all(axis=1)
    if not is_finite.all():
        seconds = (num_before + int(np.argmin(is_finite))) / rate_hz
        raise AudioError(path, "not finite", f"NaN or infinite sample at {seconds:.3f} s")
    peaks = np.abs(samples).max(axis=1)
    seconds = (num_before + int(np.argmax(peaks))) / rate_hz
    detail = f"a sample of {peaks.max():.6g} at {seconds:.3f} s: full scale is 1, so divide int16 values by 32768"
    raise AudioError(path, "not scaled", detail)


def _open(path: Path, block_seconds: float) -> Opened:
    """The parts of a file, one after the other."""
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open_file(path))
        measured = measure(path, file)
        first = _open_part(path, file, measured, measured.parts[0], block_seconds)
        blocks = _blocks_of_parts(path, file, measured, first, block_seconds, stack.pop_all())
        return first._replace(blocks=blocks)


def is_regular(path: Path) -> bool:
    """Whether libsndfile reads a file as it is, so that other decoders see the same audio in its bytes.

    Raises:
        AudioError: see `load`.
    """
    with as_audio_error(path), open_file(path) as file:
        [first, *others] = measure(path, file).parts
        size = os.fstat(file.fileno()).st_size
        return not others and first.is_all_of(size) and not first.by_ffmpeg and not sndfile_decoder.is_streamed(file)


def measure(path: Path, file: BinaryIO) -> audio_parts.Measured:
    """The parts of an open file; see `audio_parts.measure`."""
    return audio_parts.measure(path, FileBytes(file, os.fstat(file.fileno()).st_size))


def _blocks_of_parts(
    path: Path,
    file: BinaryIO,
    measured: audio_parts.Measured,
    first: Opened,
    block_seconds: float,
    stack: contextlib.ExitStack,
) -> Iterator[np.ndarray]:
    """The blocks of all parts; closes the file."""
    with stack:
        yield from first.blocks
        for part in measured.parts[1:]:
            opened = _open_part(path, file, measured, part, block_seconds)
            if opened[:2] != first[:2]:
                formats = [f"{one.rate_hz} Hz with {one.num_channels} channels" for one in (first, opened)]
                detail = f"several files in one, of different formats: {formats[0]}, then {formats[1]}"
                raise AudioError(path, "unreadable", detail)
            yield from opened.blocks


def open_file(path: Path) -> BinaryIO:
    """A regular file with a name in UTF-8 and at least one byte, unbuffered.

    Raises:
        AudioError: it is none.
    """
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise AudioError(path, "unreadable", "it is a folder")
        if not stat.S_ISREG(status.st_mode):
            raise AudioError(path, "unreadable", "it is a pipe, a socket or a device")
        if not is_text(path):
            raise AudioError(path, "file name", "it is not valid UTF-8: rename the file")
        if not status.st_size:
            raise AudioError(path, "empty", "the file has no bytes")
        return open(path, "rb", buffering=0)
    except FileNotFoundError as error:
        raise AudioError(path, "missing", "no such file") from error
    except OSError as error:
        raise AudioError(path, "unreadable", error.strerror or str(error)) from error


def _open_part(path: Path, file: BinaryIO, measured: audio_parts.Measured, part: Part, block_seconds: float) -> Opened:
    """libsndfile's reading of a part, else FFmpeg's."""
    refused: Optional[Refused] = None
    if not part.by_ffmpeg:
        try:
            size = os.fstat(file.fileno()).st_size
            return _checked(path, sndfile_decoder.open_part(path, file, size, part, _BLOCK_VALUES, block_seconds))
        except Refused as error:
            refused = error
    if refused is None or refused.may_be_readable:
        try:
            return _checked(path, ffmpeg_decoder.open_part(path, file, part, _BLOCK_VALUES, block_seconds))
        except Refused as error:
            refused = refused if refused and refused.reason == "empty" else error
        except AudioError:
            if refused is None or refused.reason != "empty":
                raise
    detail = str(refused)
    if refused.reason == "unreadable":
        kind = f"{measured.kind} that cannot be decoded" if measured.kind else "not audio or video"
        detail = f"{kind}: {detail}"
    raise AudioError(path, refused.reason, detail) from refused


def _checked(path: Path, opened: Opened) -> Opened:
    require_possible(path, opened.rate_hz, opened.num_channels)
    return opened
