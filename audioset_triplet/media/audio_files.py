"""Audio files on disk -> float32 samples at the rate and with the channels that are asked for, in blocks.

The one decoder of files in the project. It stands on librosa's own stack: libsndfile (WAV, FLAC, OGG, MP3, AIFF, ...)
and soxr. What it returns equals `librosa.load(path, sr=sample_rate_hz, mono=True)`, but in constant memory. What
libsndfile does not know (M4A, MP4, WebM, ...) goes through PyAV where that is installed, else through audioread.

A file with exactly `num_channels` channels keeps them. Of any other file the channels are averaged, before the
resampling as in VGGish, and the average is repeated in every channel: so mono is the mean of all channels, and stereo
of a mono file holds it twice.

A damaged file is an error with a reason, never a shorter or silent clip.
"""

import math
import os
import pathlib
import re
from typing import Any, Callable, Iterator, List, Tuple, Union

import audioread
import numpy as np
import soundfile
import soxr

from audioset_triplet.errors import UserError
from audioset_triplet.files import printable
from audioset_triplet.media import extensions
from audioset_triplet.media.pcm import PCM_SCALE

Path = Union[str, "os.PathLike[str]"]

# libsndfile's codes for an unknown format and an unknown codec: only then another decoder tries, since FFmpeg turns a
# damaged FLAC into a shorter one without an error.
_UNKNOWN_FORMAT_CODES = (1, 4)
# Without a Xing header the length of an MP3 is an estimate, off by up to two frames of 1152 samples [measured].
_MP3_SLACK_SAMPLES = 2 * 1152
# Sizes that writers to a pipe leave in a WAV header, because they cannot go back: sox 0x7FFFF000, FFmpeg 0xFFFFFFFF.
_UNKNOWN_WAV_BYTES = 0x7FFFF000
# Tracks of a video end a little before the video does.
_VIDEO_SLACK_SECONDS = 0.5


class AudioError(UserError):
    """An audio or video file that cannot be used.

    Attributes:
        reason: `missing`, `unreadable`, `no audio`, `truncated`, `empty` or `not finite`; of images (`video_files`)
            also `no images` and `broken times`; where clips are prepared (`data_prep`) also `too short` and
            `wrong duration`.
        detail: what is wrong in other words, without the path.
    """

    def __init__(self, path: Path, reason: str, detail: str) -> None:
        super().__init__(f"{printable(path)}: {reason}: {detail}")
        self.reason = reason
        self.detail = detail


def load(path: Path, *, sample_rate_hz: int, num_channels: int = 1) -> np.ndarray:
    """The whole file: float32 [L] of one channel, else [L, num_channels], in [-1, 1] but for what the codec overshoots.

    Raises:
        AudioError: the file is missing, unreadable, truncated, empty, or holds NaN or infinite samples.
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
    file_rate_hz, blocks = _open(path, block_seconds)
    mixed = (_with_channels(block, num_channels) for block in blocks)
    resampled = _resampled(path, file_rate_hz, mixed, sample_rate_hz, num_channels)
    return file_rate_hz, (block[:, 0] for block in resampled) if num_channels == 1 else resampled


def _with_channels(samples: np.ndarray, num_channels: int) -> np.ndarray:
    """float32 [L, any number of channels] -> [L, num_channels], by the rule of this module."""
    if samples.shape[1] != num_channels:
        mono = samples.mean(axis=1, dtype=np.float32, keepdims=True)
        samples = np.repeat(mono, num_channels, axis=1)
    return np.ascontiguousarray(samples)


def _resampled(
    path: Path, file_rate_hz: int, blocks: Iterator[np.ndarray], sample_rate_hz: int, num_channels: int
) -> Iterator[np.ndarray]:
    """Blocks [L, num_channels] at another rate; checks that there are samples, and that they are finite."""
    resampler = None
    if file_rate_hz != sample_rate_hz:
        resampler = soxr.ResampleStream(file_rate_hz, sample_rate_hz, num_channels, "float32", "HQ")
    num_read = num_resampled = 0
    for block in blocks:
        is_finite = np.isfinite(block).all(axis=1)
        if not is_finite.all():
            seconds = (num_read + int(np.argmin(is_finite))) / file_rate_hz
            raise AudioError(path, "not finite", f"NaN or infinite sample at {seconds:.3f} s")
        num_read += len(block)
        resampled = resampler.resample_chunk(block) if resampler else block
        num_resampled += len(resampled)
        if len(resampled):
            yield resampled
    if not num_read:
        raise AudioError(path, "empty", "the file holds no samples")
    if resampler:
        missing = math.ceil(num_read * sample_rate_hz / file_rate_hz) - num_resampled
        tail = resampler.resample_chunk(np.zeros((0, num_channels), np.float32), last=True)[:missing]
        if missing > 0:
            yield np.pad(tail, ((0, missing - len(tail)), (0, 0)))


# Every decoder below is a function (path, block_seconds) -> (rate in Hz, iterator of float32 blocks [L, channels]).
_Opened = Tuple[int, Iterator[np.ndarray]]


class _SequentialFile(soundfile.SoundFile):
    """A file that is read from beginning to end.

    Of a file that says it can be sought, soundfile seeks to the current position after every read; in an MP3 that
    changes the samples after the seam (by 1e-2, seen in a real clip).
    """

    def seekable(self) -> bool:
        return False


def _open(path: Path, block_seconds: float) -> _Opened:
    if not os.path.exists(path):
        raise AudioError(path, "missing", "no such file")
    if os.path.isdir(path):
        raise AudioError(path, "unreadable", "it is a folder")
    if not os.path.getsize(path):
        raise AudioError(path, "empty", "the file has no bytes")
    try:
        file = _SequentialFile(os.fspath(path))
    except soundfile.LibsndfileError as error:
        if error.code in _UNKNOWN_FORMAT_CODES:
            return _open_with_other_decoders(path, block_seconds)
        raise AudioError(path, "unreadable", error.error_string.strip()) from error
    return file.samplerate, _soundfile_blocks(path, file, block_seconds)


def _soundfile_blocks(path: Path, file: soundfile.SoundFile, block_seconds: float) -> Iterator[np.ndarray]:
    with file:
        _check_declared_bytes(path, file)
        block_samples = max(1, round(block_seconds * file.samplerate))
        slack = _MP3_SLACK_SAMPLES if file.format in ("MP3", "MPEG") else 0
        num_read, expected = 0, file.frames
        while True:
            try:
                block = file.read(block_samples, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                detail = f"{error.error_string.strip()} after {num_read / file.samplerate:.2f} s"
                raise AudioError(path, "truncated", _of_length(detail, expected, file.samplerate)) from error
            num_read += len(block)
            if len(block):
                yield block
            if len(block) < block_samples:
                break
        if num_read < expected - slack:
            detail = f"the audio ends after {num_read / file.samplerate:.2f} s"
            raise AudioError(path, "truncated", _of_length(detail, expected, file.samplerate))


def _check_declared_bytes(path: Path, file: soundfile.SoundFile) -> None:
    """libsndfile cuts the length of a WAV or AIFF to what is there and says so only in its log."""
    sizes = re.search(r"^ *(?:data|SSND) : (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE)
    if sizes and int(sizes[2]) < int(sizes[1]) < _UNKNOWN_WAV_BYTES:
        raise AudioError(path, "truncated", f"{sizes[2]} of {sizes[1]} bytes of samples are there")
    if file.format == "OGG" and not _last_ogg_page_is_whole(path):
        raise AudioError(path, "truncated", "the file ends inside an Ogg page")


def _last_ogg_page_is_whole(path: Path) -> bool:
    """Whether the bytes that the last page's lacing values announce are in the file (RFC 3533, section 6)."""
    largest_page = 27 + 255 + 255 * 255
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - largest_page))
        end = file.read()
    page = end[end.rfind(b"OggS") :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return False
    return len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])


def _open_with_other_decoders(path: Path, block_seconds: float) -> _Opened:
    openers: List[Callable[[Path, float], _Opened]] = [_open_audioread]
    try:
        import av  # noqa: F401  (an extra)

        openers.insert(0, _open_av)
    except ImportError:
        pass
    problems = []
    for opener in openers:
        try:
            return opener(path, block_seconds)
        except AudioError as error:
            problems.append(error)
    if len(openers) == 1 and pathlib.Path(path).suffix.lower() in extensions.NEED_FFMPEG:
        raise AudioError(path, "unreadable", "install the `video` extra (or: pip install av) to read this format")
    raise problems[0]


def open_container(path: Path) -> Any:
    """A file, opened by PyAV.

    Raises:
        AudioError: FFmpeg does not know what it is.
    """
    import av

    try:
        return av.open(os.fspath(path))
    except (av.error.FFmpegError, ValueError) as error:
        raise AudioError(path, "unreadable", "not an audio or video file that can be decoded") from error


def audio_track(path: Path, container: Any) -> Any:
    """The audio track of a container that is decoded: the first.

    Raises:
        AudioError: there is none (`no audio`), or its codec is unknown.
    """
    if not container.streams.audio:
        # FFmpeg believes the extension .m4v too.
        has_images = any(track.codec_context and track.codec_context.width for track in container.streams.video)
        raise AudioError(path, "no audio" if has_images else "unreadable", "the file has no audio track")
    track = container.streams.audio[0]
    # FFmpeg believes the extension .flac, whatever the file holds; there is no context for an unknown codec.
    if not (track.codec_context and track.rate):
        raise AudioError(path, "unreadable", "not an audio or video file that can be decoded")
    return track


def _open_av(path: Path, block_seconds: float) -> _Opened:
    container = open_container(path)
    try:
        rate_hz = audio_track(path, container).rate
    except AudioError:
        container.close()
        raise
    return rate_hz, _av_blocks(path, container, rate_hz, block_seconds)


def _av_blocks(path: Path, container: Any, rate_hz: int, block_seconds: float) -> Iterator[np.ndarray]:
    import av

    with container:
        track = container.streams.audio[0]
        to_floats = av.AudioResampler(format="fltp", layout=track.layout, rate=rate_hz)
        num_read, pending, num_pending = 0, [], 0
        try:
            for frame in container.decode(track):
                for piece in to_floats.resample(frame):
                    pending.append(piece.to_ndarray().T)
                    num_pending += len(pending[-1])
                if num_pending >= block_seconds * rate_hz:
                    num_read += num_pending
                    yield np.concatenate(pending)
                    pending, num_pending = [], 0
        except av.error.FFmpegError as error:
            where = (num_read + num_pending) / rate_hz
            raise AudioError(path, "truncated", f"decoding stops after {where:.2f} s: {error.strerror}") from error
        if pending:
            num_read += num_pending
            yield np.concatenate(pending)
        if track.duration and num_read / rate_hz < float(track.duration * track.time_base) - _VIDEO_SLACK_SECONDS:
            expected = round(float(track.duration * track.time_base) * rate_hz)
            detail = _of_length(f"the audio ends after {num_read / rate_hz:.2f} s", expected, rate_hz)
            raise AudioError(path, "truncated", detail)


def _open_audioread(path: Path, block_seconds: float) -> _Opened:
    try:
        file = audioread.audio_open(os.fspath(path))
    except (audioread.DecodeError, EOFError, OSError) as error:
        raise AudioError(path, "unreadable", "not an audio file that can be decoded") from error
    return file.samplerate, _audioread_blocks(path, file)


def _audioread_blocks(path: Path, file: Any) -> Iterator[np.ndarray]:
    """audioread chooses the size of its blocks itself: a few thousand samples."""
    with file:
        try:
            for buffer in file:
                samples = np.frombuffer(buffer, "<i2").astype(np.float32) / np.float32(PCM_SCALE)
                yield samples.reshape(-1, file.channels)
        except (audioread.DecodeError, EOFError, OSError) as error:
            raise AudioError(path, "truncated", f"decoding stops: {error}") from error


def _of_length(detail: str, expected_samples: int, rate_hz: int) -> str:
    """Adds the length that the header gives, where it gives one (libsndfile's "unknown" is the largest int64)."""
    known = 0 < expected_samples < 1 << 62
    return f"{detail} of {expected_samples / rate_hz:.2f} s" if known else detail
