"""An audio or video file, and what a list says of it -> its records."""

import contextlib
import dataclasses
import pathlib
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.media import audio_files, encodings
from audioset_triplet.media.audio_files import AudioError
from audioset_triplet.media.pcm import to_pcm
from audioset_triplet.records import schema
from data_prep import audio_sources, silence
from data_prep.config import FramesConfig, RecordsConfig
from data_prep.frames import VideoImages
from data_prep.plan import ClipRequest

_SAMPLE_BYTES = 2
_HELD_BYTES = 600 * 16000 * _SAMPLE_BYTES  # ten minutes of 16 kHz mono; a longer file is read twice
_MAX_RECORD_BYTES = 3 * _HELD_BYTES  # a record is held whole, several times over while it is written


@dataclasses.dataclass(frozen=True)
class MadeClip:
    """A record, and some facts about the file that it was made from."""

    clip: schema.Clip
    file_rate_hz: int
    is_silent: bool
    is_short: bool


# (first sample of a clip, number of its samples) -> the image fields of its record.
_FrameFields = Callable[[int, int], Dict[str, Any]]


def make_clips(
    request: ClipRequest, config: RecordsConfig, frames: Optional[FramesConfig] = None
) -> Iterator[MadeClip]:
    """Decodes the file of a request. It is one clip or, where the list gives no end, cut into several.

    Args:
        request: the file.
        config: the format of the records, and the limits of their lengths.
        frames: the file is a video, and its clips have images too.

    Raises:
        AudioError: the file cannot be used; before the first clip, so that no clip of such a file is written.
        UserError: a long file changed while it was read.
    """
    assert request.location is not None
    with audio_sources.local_file(request.location) as path:
        if request.end_seconds is None:
            yield from _cut(request, path, config, frames)
        else:
            yield _listed(request, request.end_seconds, path, config, frames)


@contextlib.contextmanager
def _frame_fields(
    path: pathlib.Path, frames: Optional[FramesConfig], num_samples: int, config: RecordsConfig
) -> Iterator[_FrameFields]:
    """Gives the images of a video with so many samples of audio; no fields without a `frames` config."""
    if frames is None:
        yield lambda start, num_samples: {}
    else:
        with VideoImages(path, frames, num_samples, config.sample_rate_hz) as images:
            yield images.of_clip


def _listed(
    request: ClipRequest, end_seconds: float, path: pathlib.Path, config: RecordsConfig, frames: Optional[FramesConfig]
) -> MadeClip:
    """The clip of a file with a listed start and end.

    Audio that differs from the listed length by at most `duration_slack_seconds` is trimmed, or padded with silence. A
    shorter file is used as it is, and its clip ends earlier. A longer one is rejected, because it is unknown which part
    of it is the clip; unless only digital silence follows, which is padding.

    Raises:
        AudioError: see `make_clips`.
    """
    file_rate_hz, blocks = _pcm_blocks(path, config)
    slack = round(config.duration_slack_seconds * config.sample_rate_hz)
    listed = round((end_seconds - request.start_seconds) * config.sample_rate_hz)
    pcm = _until(listed + slack, blocks)
    if len(pcm) > listed + slack:
        detail = f"longer than the {listed / config.sample_rate_hz:.2f} s of the clip"
        raise AudioError(path, "wrong duration", detail)
    _require_min_seconds(path, len(pcm), config)
    is_short = len(pcm) < listed - slack
    if is_short:
        end_seconds = request.start_seconds + len(pcm) / config.sample_rate_hz
    else:
        silence_after = np.zeros((max(0, listed - len(pcm)), *pcm.shape[1:]), np.int16)
        pcm = np.concatenate([pcm[:listed], silence_after])
    fields = _audio_fields(path, pcm, config)
    with _frame_fields(path, frames, len(pcm), config) as frame_fields:
        fields.update(frame_fields(0, len(pcm)))
    clip = _record(request, request.clip_id, (request.start_seconds, end_seconds), config, fields)
    return MadeClip(clip, file_rate_hz, silence.is_silent(pcm), is_short)


def _cut(
    request: ClipRequest, path: pathlib.Path, config: RecordsConfig, frames: Optional[FramesConfig]
) -> Iterator[MadeClip]:
    """The clips of a file of any length, `clip_seconds` each; a last one below `min_seconds` is left out.

    The file is read to its end before the first clip is given. A short file is held meanwhile, a long one read again.

    Raises:
        AudioError, UserError: see `make_clips`.
    """
    file_rate_hz, num_samples, blocks = _whole(request, path, config)
    _require_min_seconds(path, num_samples, config)
    clip_samples = request.clip_samples(config.sample_rate_hz)
    max_samples = _MAX_RECORD_BYTES // (_SAMPLE_BYTES * config.channels)
    if not clip_samples and num_samples > max_samples:
        minutes = max_samples / config.sample_rate_hz / 60
        raise AudioError(
            path, "wrong duration", f"longer than the {minutes:.0f} minutes that a record may have: cut it"
        )
    size = clip_samples or num_samples
    num_clips, rest = divmod(num_samples, size)
    num_clips += rest > 0 and rest >= config.min_seconds * config.sample_rate_hz
    with _frame_fields(path, frames, num_samples, config) as frame_fields:
        clip_ids = request.clip_ids(num_clips, config.sample_rate_hz)
        for index, (clip_id, pcm) in enumerate(zip(clip_ids, _pieces(blocks, size, num_clips))):
            start = request.clip_start(index, config.sample_rate_hz)
            fields = _audio_fields(path, pcm, config) if num_clips == 1 else {"pcm": pcm}
            fields.update(frame_fields(index * size, len(pcm)))
            times = start, start + len(pcm) / config.sample_rate_hz
            clip = _record(request, clip_id, times, config, fields)
            yield MadeClip(clip, file_rate_hz, silence.is_silent(pcm), is_short=False)


def _pcm_blocks(path: pathlib.Path, config: RecordsConfig) -> Tuple[int, Iterator[np.ndarray]]:
    """(sample rate of a file in Hz, its audio in the format of the records, in blocks: int16 [L] or [L, channels])."""
    file_rate_hz, blocks = audio_files.open_stream(
        path, sample_rate_hz=config.sample_rate_hz, num_channels=config.channels
    )
    return file_rate_hz, map(to_pcm, blocks)


def _whole(request: ClipRequest, path: pathlib.Path, config: RecordsConfig) -> Tuple[int, int, Iterator[np.ndarray]]:
    """(sample rate of a file in Hz, its length at the rate of the records, its blocks); it has been read to its end."""
    file_rate_hz, blocks = _pcm_blocks(path, config)
    held: List[np.ndarray] = []
    num_samples = num_bytes = 0
    for block in blocks:
        num_samples += len(block)
        num_bytes += block.nbytes
        if num_bytes <= _HELD_BYTES:
            held.append(block)
        else:
            held.clear()

    def again() -> Iterator[np.ndarray]:
        try:
            yield from _pcm_blocks(path, config)[1]
        except AudioError as error:  # some of its clips may be written
            raise UserError(f"{request.location}: changed while it was read: {error.detail}") from error

    return file_rate_hz, num_samples, iter(held) if num_bytes <= _HELD_BYTES else again()


def _until(num_samples: int, blocks: Iterable[np.ndarray]) -> np.ndarray:
    """The beginning of a file; longer than `num_samples` only if more than digital silence follows."""
    parts: List[np.ndarray] = []
    missing = num_samples
    for block in blocks:
        if block[missing:].any():
            return np.concatenate([*parts, block])
        parts.append(block[:missing])
        missing -= len(parts[-1])
    return np.concatenate(parts)


def _pieces(blocks: Iterable[np.ndarray], size: int, num_pieces: int) -> Iterator[np.ndarray]:
    """The first `num_pieces` pieces of a file, each of `size` samples; the last one may be shorter."""
    pending = np.zeros(0, np.int16)
    for block in blocks:
        pending = np.concatenate([pending, block]) if len(pending) else block
        while num_pieces and len(pending) >= size:
            yield pending[:size]
            pending = pending[size:]
            num_pieces -= 1
    if num_pieces:
        yield pending


def _require_min_seconds(path: pathlib.Path, num_samples: int, config: RecordsConfig) -> None:
    seconds = num_samples / config.sample_rate_hz
    if seconds < config.min_seconds:
        raise AudioError(path, "too short", f"{seconds:.3f} s, and --min_seconds={config.min_seconds:g}")


def _audio_fields(path: pathlib.Path, pcm: np.ndarray, config: RecordsConfig) -> Dict[str, Any]:
    """The audio of a record of a whole file: samples, or with --audio=encoded the file, if the graph can decode it."""
    contents = path.read_bytes() if config.audio == "encoded" and audio_files.is_regular(path) else b""
    description = encodings.describe(contents, config.sample_rate_hz) if contents else None
    if not description:
        return {"pcm": pcm}
    encoding, sample_type, encoded_rate_hz = description
    return {
        "pcm": None,
        "encoded": contents,
        "encoding": encoding,
        "encoded_type": sample_type,
        "encoded_rate_hz": encoded_rate_hz,
        "encoded_num_samples": len(pcm),
    }


def _record(
    request: ClipRequest, clip_id: str, times: Tuple[float, float], config: RecordsConfig, fields: Dict[str, Any]
) -> schema.Clip:
    start_seconds, end_seconds = times
    return schema.Clip(
        clip_id=clip_id,
        recording_id=request.recording_id,
        start_seconds=start_seconds,
        end_seconds=end_seconds,
        labels=request.labels,
        label_names=request.label_names,
        fold=request.fold,
        sample_rate_hz=config.sample_rate_hz,
        num_channels=config.channels,
        **fields,
    )
