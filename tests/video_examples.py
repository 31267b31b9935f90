"""Small videos for tests, encoded as real files, whose images show their time."""

import io
import os
import pathlib
from typing import Callable, Iterable, Optional, Tuple

import numpy as np
import pytest
from PIL import Image

from audioset_triplet.media import video_writing
from audioset_triplet.media.video_writing import CODECS

FRAME_SECONDS = 0.04
SIZE = (64, 48)
EXTENSIONS = tuple(CODECS)
_DARKEST, _LEVELS_PER_SECOND = 20, 60  # a frame is 2.4 levels brighter than the one before


def grey(seconds: float) -> Image.Image:
    """An image whose brightness is its time, up to 3.5 s."""
    return Image.new("RGB", SIZE, (round(_DARKEST + _LEVELS_PER_SECOND * seconds),) * 3)


def time_of(jpeg: bytes) -> float:
    """The time of an image of `grey`."""
    return (float(np.mean(decoded(jpeg))) - _DARKEST) / _LEVELS_PER_SECOND


def decoded(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg))).astype(int)


def clicks(seconds: float, *places: float) -> np.ndarray:
    """A faint noise with a short tone of full strength at each of these times."""
    waveform = 0.003 * np.random.default_rng(0).standard_normal(round(seconds * 16000))
    for place in places:
        first = round(place * 16000)
        waveform[first : first + 80] += 0.9 * np.sin(np.arange(80))
    return waveform


def click_seconds(waveform: np.ndarray) -> float:
    """Where a click begins, in seconds."""
    return float(np.argmax(np.abs(waveform) > 0.3 * np.abs(waveform).max())) / 16000


def write(
    path: pathlib.Path,
    times: Optional[Iterable[float]] = None,
    waveform: Optional[np.ndarray] = None,
    audio_start: float = 0.0,
    image: Callable[[float], Image.Image] = grey,
    size: Tuple[int, int] = SIZE,
    rotation: int = 0,
    pixel_aspect: int = 1,
) -> pathlib.Path:
    """Writes a video with frames at these times and this audio; a track that is None is left out."""
    pytest.importorskip("av", reason="needs the video extra")
    codecs = CODECS[os.path.splitext(path)[1]]
    with video_writing.output(path) as container:
        if times is not None:
            video_track = video_writing.add_video_track(container, codecs.video, size, codecs.options)
            video_track.codec_context.sample_aspect_ratio = pixel_aspect
            if rotation:
                if not hasattr(video_track, "set_display_rotation"):
                    pytest.skip("this version of PyAV writes no display matrix")
                video_track.set_display_rotation(rotation)
        if waveform is not None:
            audio_track = video_writing.add_audio_track(container, codecs.audio, 16000)
        if times is not None:
            video_writing.write_images(container, video_track, ((time, image(time)) for time in times))
        if waveform is not None:
            video_writing.write_audio(container, audio_track, waveform, audio_start)
    return path


def steady(seconds: float, start: float = 0.0) -> np.ndarray:
    """Times of frames, one every `FRAME_SECONDS`."""
    return start + FRAME_SECONDS * np.arange(round(seconds / FRAME_SECONDS))
