"""Pictures and sound -> a video file, by PyAV (an extra): what `synthetic_videos` writes its world with."""

import contextlib
import fractions
import os
from typing import Any, Dict, Iterable, Iterator, NamedTuple, Tuple

import numpy as np
from PIL import Image

from audioset_triplet.errors import UserError
from audioset_triplet.frontend.constants import SAMPLE_RATE_HZ
from audioset_triplet.media.audio_files import Path

_TICK = fractions.Fraction(1, 1000)  # of the clock of pictures, in seconds
_BLOCK_SAMPLES = 1024


class Codecs(NamedTuple):
    """What is in a file of some extension."""

    pictures: str
    sound: str
    options: Dict[str, str]  # of the encoder of pictures


CODECS: Dict[str, Codecs] = {
    ".mp4": Codecs("libx264", "aac", {"preset": "veryfast"}),
    ".webm": Codecs("libvpx", "libopus", {"deadline": "realtime", "cpu-used": "8", "b": "800k"}),
    ".mkv": Codecs("mpeg4", "flac", {"b": "800k"}),
}


def write_video(
    path: Path, frames: Iterable[Tuple[float, Image.Image]], size: Tuple[int, int], waveform: np.ndarray
) -> None:
    """Writes a video whose pictures and sound both begin at 0; the extension says of which kind (`CODECS`).

    Args:
        path: the file; an older one is replaced.
        frames: (time in seconds, ascending; RGB picture).
        size: width and height of all pictures, even numbers.
        waveform: float [L] in [-1, 1], mono, 16 kHz.

    Raises:
        UserError: this build of PyAV lacks an encoder.
    """
    codecs = CODECS[os.path.splitext(path)[1]]
    with output(path) as container:
        picture_track = add_picture_track(container, codecs.pictures, size, codecs.options)
        sound_track = add_sound_track(container, codecs.sound)
        write_pictures(container, picture_track, frames)
        write_sound(container, sound_track, waveform)


@contextlib.contextmanager
def output(path: Path) -> Iterator[Any]:
    """A container that tracks can be added to, and then written. Nothing random or of the day goes into the file."""
    import av

    with av.open(os.fspath(path), "w", options={"fflags": "+bitexact"}) as container:
        yield container


def add_picture_track(container: Any, codec: str, size: Tuple[int, int], options: Dict[str, str]) -> Any:
    """A track of pictures in YUV 4:2:0, `size` pixels wide and high; its encoder is `codec`."""
    track = _add_track(container, codec, rate=25)
    track.width, track.height = size
    track.pix_fmt = "yuv420p"
    track.codec_context.time_base = _TICK
    track.codec_context.thread_count = 1  # with several x264 divides a picture otherwise
    track.options = options
    return track


def add_sound_track(container: Any, codec: str) -> Any:
    """A track of mono sound at 16 kHz."""
    return _add_track(container, codec, rate=SAMPLE_RATE_HZ, layout="mono")


def _add_track(container: Any, codec: str, **settings: Any) -> Any:
    import av

    try:
        return container.add_stream(codec, **settings)
    except av.codec.codec.UnknownCodecError as error:
        raise UserError(f"this build of PyAV has no encoder {codec}: pip install av") from error


def write_pictures(container: Any, track: Any, frames: Iterable[Tuple[float, Image.Image]]) -> None:
    """Encodes all pictures of a track; see `write_video`."""
    import av

    for seconds, image in frames:
        frame = av.VideoFrame.from_image(image)
        frame.pts, frame.time_base = round(seconds / _TICK), _TICK
        container.mux(track.encode(frame))
    container.mux(track.encode(None))


def write_sound(container: Any, track: Any, waveform: np.ndarray, start_seconds: float = 0.0) -> None:
    """Encodes the sound of a track; its first sample is heard at `start_seconds`."""
    import av

    first = round(start_seconds * SAMPLE_RATE_HZ)
    for start in range(0, len(waveform), _BLOCK_SAMPLES):
        block = waveform[np.newaxis, start : start + _BLOCK_SAMPLES].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(block, "fltp", "mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE_HZ, first + start
        frame.time_base = fractions.Fraction(1, SAMPLE_RATE_HZ)
        container.mux(track.encode(frame))
    container.mux(track.encode(None))
