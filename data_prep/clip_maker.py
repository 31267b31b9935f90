"""A sound, or a video, and what is listed of it -> its records."""

import contextlib
import dataclasses
import pathlib
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.frontend.constants import SAMPLE_RATE_HZ
from audioset_triplet.media import audio_files, encodings
from audioset_triplet.media.audio_files import AudioError
from audioset_triplet.records import schema
from data_prep import silence, sounds
from data_prep.config import FramesConfig, RecordsConfig
from data_prep.frames import Pictures
from data_prep.plan import ClipRequest

_HELD_SAMPLES = 600 * SAMPLE_RATE_HZ  # 19 MB; a longer sound is read twice
_MOST_UNCUT_SAMPLES = 1800 * SAMPLE_RATE_HZ  # a record is held whole, several times over when it is written


@dataclasses.dataclass(frozen=True)
class MadeClip:
    """A record, and what is worth knowing of the sound that it was made of."""

    clip: schema.Clip
    rate_hz: int
    is_silent: bool
    is_short: bool


# (first sample of a clip, number of its samples) -> what its record holds of the pictures.
_PicturesOf = Callable[[int, int], Dict[str, Any]]


def make_clips(
    request: ClipRequest, config: RecordsConfig, frames: Optional[FramesConfig] = None
) -> Iterator[MadeClip]:
    """Decodes the sound of a request, which is one clip or, where no end of it is listed, cut into several.

    Args:
        request: the sound.
        config: what becomes of it.
        frames: the sound is a video, and the clips have pictures too.

    Raises:
        AudioError: the sound cannot be used; before the first clip is given, so that nothing of it is.
        UserError: a long sound changed while it was read.
    """
    assert request.sound is not None
    with sounds.local_file(request.sound) as path:
        if request.end_seconds is None:
            yield from _cut(request, path, config, frames)
        else:
            yield _listed(request, request.end_seconds, path, config, frames)


@contextlib.contextmanager
def _pictures(path: pathlib.Path, frames: Optional[FramesConfig], num_samples: int) -> Iterator[_PicturesOf]:
    """The pictures of a video whose sound has so many samples; none where no frames are wanted."""
    if frames is None:
        yield lambda start, num_samples: {}
    else:
        with Pictures(path, frames, num_samples) as pictures:
            yield pictures.of_clip


def _listed(
    request: ClipRequest, end_seconds: float, path: pathlib.Path, config: RecordsConfig, frames: Optional[FramesConfig]
) -> MadeClip:
    """The clip of a sound that is as long as listed.

    A sound that is longer or shorter than the clip by no more than `duration_slack_seconds` is trimmed, or padded with
    silence; a shorter one is kept as it is, and the clip ends where it does. Of one that is longer by more it is not
    known which part of it is the clip, unless nothing but digital silence follows: that is padding.

    Raises:
        AudioError: see `make_clips`.
    """
    rate_hz, blocks = audio_files.open_stream(path)
    slack = round(config.duration_slack_seconds * SAMPLE_RATE_HZ)
    wanted = round((end_seconds - request.start_seconds) * SAMPLE_RATE_HZ)
    pcm = _until(wanted + slack, blocks)
    if len(pcm) > wanted + slack:
        raise AudioError(path, "wrong duration", f"longer than the {wanted / SAMPLE_RATE_HZ:.2f} s of the clip")
    _require_seconds(path, len(pcm), config)
    is_short = len(pcm) < wanted - slack
    if is_short:
        end_seconds = request.start_seconds + len(pcm) / SAMPLE_RATE_HZ
    else:
        pcm = np.pad(pcm[:wanted], (0, max(0, wanted - len(pcm))))
    content = _content(path, pcm, config)
    with _pictures(path, frames, len(pcm)) as pictures_of:
        content.update(pictures_of(0, len(pcm)))
    clip = _record(request, request.clip_id, request.start_seconds, end_seconds, content)
    return MadeClip(clip, rate_hz, silence.is_silent(pcm), is_short)


def _cut(
    request: ClipRequest, path: pathlib.Path, config: RecordsConfig, frames: Optional[FramesConfig]
) -> Iterator[MadeClip]:
    """The clips of a sound of any length, `clip_seconds` each; a last one that is too short to be used is left out.

    The sound is read to its end before the first clip is given: a short one is held meanwhile, a long one read again.

    Raises:
        AudioError, UserError: see `make_clips`.
    """
    rate_hz, num_samples, blocks = _whole(request, path)
    _require_seconds(path, num_samples, config)
    size = request.clip_samples or num_samples
    if not request.clip_samples and num_samples > _MOST_UNCUT_SAMPLES:
        most = f"{_MOST_UNCUT_SAMPLES / SAMPLE_RATE_HZ / 60:.0f} minutes"
        raise AudioError(path, "wrong duration", f"longer than the {most} that a record may have: cut it")
    num_clips, rest = divmod(num_samples, size)
    num_clips += rest > 0 and rest >= config.min_seconds * SAMPLE_RATE_HZ
    with _pictures(path, frames, num_samples) as pictures_of:
        pieces = _pieces(blocks, size, num_clips)
        for index, (clip_id, pcm) in enumerate(zip(request.clip_ids(num_clips), pieces)):
            start = request.clip_start(index)
            content = _content(path, pcm, config) if num_clips == 1 else {"pcm": pcm}
            content.update(pictures_of(index * size, len(pcm)))
            clip = _record(request, clip_id, start, start + len(pcm) / SAMPLE_RATE_HZ, content)
            yield MadeClip(clip, rate_hz, silence.is_silent(pcm), is_short=False)


def _whole(request: ClipRequest, path: pathlib.Path) -> Tuple[int, int, Iterator[np.ndarray]]:
    """(rate in Hz of a file, its length at 16 kHz, its samples as int16 in blocks); it has been read to its end."""
    rate_hz, blocks = audio_files.open_stream(path)
    held: List[np.ndarray] = []
    num_samples = 0
    for block in blocks:
        num_samples += len(block)
        if num_samples <= _HELD_SAMPLES:
            held.append(audio_files.to_pcm(block))
        else:
            held.clear()

    def again() -> Iterator[np.ndarray]:
        try:
            for block in audio_files.stream(path):
                yield audio_files.to_pcm(block)
        except AudioError as error:  # some of it may be written
            raise UserError(f"{request.sound}: changed while it was read: {error.detail}") from error

    return rate_hz, num_samples, iter(held) if num_samples <= _HELD_SAMPLES else again()


def _until(num_samples: int, blocks: Iterable[np.ndarray]) -> np.ndarray:
    """The beginning of a sound, int16; longer than `num_samples` only if there is more behind it than silence."""
    parts: List[np.ndarray] = []
    missing = num_samples
    for block in blocks:
        pcm = audio_files.to_pcm(block)
        if pcm[missing:].any():
            return np.concatenate([*parts, pcm])
        parts.append(pcm[:missing])
        missing -= len(parts[-1])
    return np.concatenate(parts)


def _pieces(blocks: Iterable[np.ndarray], size: int, num_pieces: int) -> Iterator[np.ndarray]:
    """The first `num_pieces` stretches of a sound, each of `size` samples but for the last, which may be shorter."""
    pending = np.zeros(0, np.int16)
    for block in blocks:
        pending = np.concatenate([pending, block])
        while num_pieces and len(pending) >= size:
            yield pending[:size]
            pending = pending[size:]
            num_pieces -= 1
    if num_pieces:
        yield pending


def _require_seconds(path: pathlib.Path, num_samples: int, config: RecordsConfig) -> None:
    seconds = num_samples / SAMPLE_RATE_HZ
    if seconds < config.min_seconds:
        raise AudioError(path, "too short", f"{seconds:.3f} s, and --min_seconds={config.min_seconds:g}")


def _content(path: pathlib.Path, pcm: np.ndarray, config: RecordsConfig) -> Dict[str, Any]:
    """What a record of a whole file holds: samples, or the file's bytes where those are wanted and can be decoded."""
    contents = path.read_bytes() if config.audio == "encoded" else b""
    description = encodings.describe(contents) if contents else None
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
    request: ClipRequest, clip_id: str, start_seconds: float, end_seconds: float, content: Dict[str, Any]
) -> schema.Clip:
    return schema.Clip(
        clip_id=clip_id,
        recording_id=request.recording_id,
        start_seconds=start_seconds,
        end_seconds=end_seconds,
        labels=request.labels,
        label_names=request.label_names,
        fold=request.fold,
        **content,
    )
