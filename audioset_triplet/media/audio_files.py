"""Sound files on disk -> float32 mono at 16 kHz, in blocks, whatever the format, rate and number of channels.

The one decoder of files in the project. It stands on librosa's own stack: libsndfile (WAV, FLAC, OGG, MP3, AIFF, ...)
and soxr, so that what it returns equals `librosa.load(path, sr=16000, mono=True)`, but in constant memory. What
libsndfile does not know (M4A, MP4, WebM, ...) goes through PyAV where that is installed, else through audioread.

A file that is damaged is an error with a reason, never a shorter or silent clip.
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
from audioset_triplet.frontend.constants import PCM_SCALE, SAMPLE_RATE_HZ

Path = Union[str, "os.PathLike[str]"]

_VIDEO_EXTENSIONS = (".aac", ".m4a", ".m4v", ".mkv", ".mov", ".mp4", ".webm", ".wma")
AUDIO_EXTENSIONS = (".aif", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".w64", ".wav") + (
    _VIDEO_EXTENSIONS
)

# libsndfile's codes for "not one of my formats" and "not one of my codecs": only then is another decoder asked, since
# FFmpeg would turn a damaged FLAC into a shorter one without a word.
_NOT_OURS = (1, 4)
# Without a Xing header the length of an MP3 is an estimate, off by up to two frames of 1152 samples [measured].
_MP3_SLACK_SAMPLES = 2 * 1152
# Sizes that writers to a pipe leave in a WAV header, because they cannot go back: sox 0x7FFFF000, FFmpeg 0xFFFFFFFF.
_UNKNOWN_WAV_BYTES = 0x7FFFF000
# Tracks of a video end a little before the video does.
_VIDEO_SLACK_SECONDS = 0.5


class AudioError(UserError):
    """A sound file that cannot be used.

    Attributes:
        reason: `missing`, `unreadable`, `no sound`, `truncated`, `empty` or `not finite`; of pictures (`video_files`)
            also `no pictures` and `broken times`; where clips are prepared (`data_prep`) also `too short` and
            `wrong duration`.
        detail: what is wrong in other words, without the path.
    """

    def __init__(self, path: Path, reason: str, detail: str) -> None:
        super().__init__(f"{os.fspath(path)}: {reason}: {detail}")
        self.reason = reason
        self.detail = detail


def find_audio_files(root: Path) -> List[pathlib.Path]:
    """Every file under a folder that has an audio or video extension, sorted by path."""
    paths = pathlib.Path(root).rglob("*")
    return sorted(path for path in paths if path.suffix.lower() in AUDIO_EXTENSIONS and path.is_file())


def load(path: Path) -> np.ndarray:
    """The whole file: float32 [L], mono, 16 kHz, in [-1, 1] but for what the codec overshoots.

    Raises:
        AudioError: the file is missing, unreadable, truncated, empty, or holds NaN or infinite samples.
    """
    return np.concatenate(list(stream(path)))


def stream(path: Path, block_seconds: float = 30.0) -> Iterator[np.ndarray]:
    """The file in blocks of about `block_seconds`, each float32 [L'], mono, 16 kHz; memory does not grow with length.

    Channels are averaged before the resampling, as in VGGish. The blocks together are ceil(samples * 16000 / rate)
    samples long, as from librosa. Nothing is read before the first block is asked for; an error in the middle of a
    file arrives after the blocks before it.

    Raises:
        AudioError: see `load`.
    """
    yield from open_stream(path, block_seconds)[1]


def open_stream(path: Path, block_seconds: float = 30.0) -> Tuple[int, Iterator[np.ndarray]]:
    """(rate in Hz that the file itself has, its blocks as from `stream`).

    Raises:
        AudioError: the file cannot be opened; when the blocks are read, see `load`.
    """
    rate_hz, blocks = _open(path, block_seconds)
    return rate_hz, _resampled(path, rate_hz, blocks)


def _resampled(path: Path, rate_hz: int, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    resampler = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, "float32", "HQ") if rate_hz != SAMPLE_RATE_HZ else None
    num_read = num_given = 0
    for block in blocks:
        if not np.isfinite(block).all():
            where = (num_read + int(np.argmin(np.isfinite(block)))) / rate_hz
            raise AudioError(path, "not finite", f"NaN or infinite sample at {where:.3f} s")
        num_read += len(block)
        mono = resampler.resample_chunk(block) if resampler else block
        num_given += len(mono)
        if len(mono):
            yield mono
    if not num_read:
        raise AudioError(path, "empty", "the file holds no samples")
    if resampler:
        rest = math.ceil(num_read * SAMPLE_RATE_HZ / rate_hz) - num_given
        tail = resampler.resample_chunk(np.zeros(0, np.float32), last=True)[:rest]
        if rest > 0:
            yield np.pad(tail, (0, rest - len(tail)))


def to_pcm(waveform: np.ndarray) -> np.ndarray:
    """Floating samples in [-1, 1) -> int16, rounded to the nearest step of 1/32768 and clipped; any shape."""
    return np.clip(np.rint(np.asarray(waveform, np.float64) * PCM_SCALE), -PCM_SCALE, PCM_SCALE - 1).astype(np.int16)


# Every decoder below is a function (path, block_seconds) -> (rate in Hz, iterator of mono float32 blocks).
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
        if error.code in _NOT_OURS:
            return _open_elsewhere(path, block_seconds)
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
                yield _mono(block)
            if len(block) < block_samples:
                break
        if num_read < expected - slack:
            detail = f"the sound ends after {num_read / file.samplerate:.2f} s"
            raise AudioError(path, "truncated", _of_length(detail, expected, file.samplerate))


def _check_declared_bytes(path: Path, file: soundfile.SoundFile) -> None:
    """libsndfile cuts the length of a WAV or AIFF to what is there and says so only in its log."""
    found = re.search(r"^ *(?:data|SSND) : (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE)
    if found and int(found[2]) < int(found[1]) < _UNKNOWN_WAV_BYTES:
        raise AudioError(path, "truncated", f"{found[2]} of {found[1]} bytes of samples are there")
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


def _open_elsewhere(path: Path, block_seconds: float) -> _Opened:
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
    if len(openers) == 1 and pathlib.Path(path).suffix.lower() in _VIDEO_EXTENSIONS:
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
        raise AudioError(path, "unreadable", "not a sound or video file that can be decoded") from error


def sound_track(path: Path, container: Any) -> Any:
    """The audio track of a container that is decoded: the first.

    Raises:
        AudioError: there is none (`no sound`), or nobody knows how to decode it.
    """
    if not container.streams.audio:
        # FFmpeg believes the extension .m4v too.
        has_pictures = any(track.codec_context and track.codec_context.width for track in container.streams.video)
        raise AudioError(path, "no sound" if has_pictures else "unreadable", "the file has no audio track")
    track = container.streams.audio[0]
    # FFmpeg believes the extension .flac, whatever the file holds; there is no context for an unknown codec.
    if not (track.codec_context and track.rate):
        raise AudioError(path, "unreadable", "not a sound or video file that can be decoded")
    return track


def _open_av(path: Path, block_seconds: float) -> _Opened:
    container = open_container(path)
    try:
        rate_hz = sound_track(path, container).rate
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
                    pending.append(_mono(piece.to_ndarray().T))
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
            detail = _of_length(f"the sound ends after {num_read / rate_hz:.2f} s", expected, rate_hz)
            raise AudioError(path, "truncated", detail)


def _open_audioread(path: Path, block_seconds: float) -> _Opened:
    try:
        file = audioread.audio_open(os.fspath(path))
    except (audioread.DecodeError, EOFError, OSError) as error:
        raise AudioError(path, "unreadable", "not a sound file that can be decoded") from error
    return file.samplerate, _audioread_blocks(path, file)


def _audioread_blocks(path: Path, file: Any) -> Iterator[np.ndarray]:
    """audioread chooses the size of its blocks itself: a few thousand samples."""
    with file:
        try:
            for buffer in file:
                samples = np.frombuffer(buffer, "<i2").astype(np.float32) / np.float32(PCM_SCALE)
                yield _mono(samples.reshape(-1, file.channels))
        except (audioread.DecodeError, EOFError, OSError) as error:
            raise AudioError(path, "truncated", f"decoding stops: {error}") from error


def _mono(samples: np.ndarray) -> np.ndarray:
    """[L, channels] -> float32 [L]."""
    return np.ascontiguousarray(samples.mean(axis=1, dtype=np.float32))


def _of_length(detail: str, expected_samples: int, rate_hz: int) -> str:
    """Adds the length that the header gives, where it gives one (libsndfile's "unknown" is the largest int64)."""
    known = 0 < expected_samples < 1 << 62
    return f"{detail} of {expected_samples / rate_hz:.2f} s" if known else detail
