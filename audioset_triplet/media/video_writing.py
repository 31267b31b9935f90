"""Images and audio -> a video file, by PyAV (an extra): the encoder of `synthetic.videos`."""

import contextlib
import fractions
import os
from typing import Any, Dict, Iterable, Iterator, NamedTuple, Tuple

import numpy as np
from PIL import Image

from audioset_triplet.errors import UserError
from audioset_triplet.media.audio_files import Path

_TICK_SECONDS = fractions.Fraction(1, 1000)  # of the clock of the video track
_BLOCK_SAMPLES = 1024


class Codecs(NamedTuple):
    """The encoders of a file with some extension."""

    video: str
    audio: str
    options: Dict[str, str]  # of the video encoder


CODECS: Dict[str, Codecs] = {
    ".mp4": Codecs("libx264", "aac", {"preset": "veryfast"}),
    ".webm": Codecs("libvpx", "libopus", {"deadline": "realtime", "cpu-used": "8", "b": "800k"}),
    ".mkv": Codecs("mpeg4", "flac", {"b": "800k"}),
}


def write_video(
    path: Path,
    frames: Iterable[Tuple[float, Image.Image]],
    size: Tuple[int, int],
    waveform: np.ndarray,
    sample_rate_hz: int,
) -> None:
    """Writes a video whose tracks both begin at 0; the extension chooses the codecs (`CODECS`).

    Args:
        path: the file; an older one is replaced.
        frames: (time in seconds, ascending; RGB image).
        size: width and height of all images, even numbers.
        waveform: float [L] in [-1, 1], mono.
        sample_rate_hz: of the waveform.

    Raises:
        UserError: this build of PyAV lacks an encoder.
    """
    codecs = CODECS[os.path.splitext(path)[1]]
    with output(path) as container:
        video_track = add_video_track(container, codecs.video, size, codecs.options)
        audio_track = add_audio_track(container, codecs.audio, sample_rate_hz)
        write_images(container, video_track, frames)
        write_audio(container, audio_track, waveform)


@contextlib.contextmanager
def output(path: Path) -> Iterator[Any]:
    """A container for new tracks. Nothing random and no date goes into the file."""
    import av

    with av.open(os.fspath(path), "w", options={"fflags": "+bitexact"}) as container:
        yield container


def add_video_track(container: Any, codec: str, size: Tuple[int, int], options: Dict[str, str]) -> Any:
    """A video track in YUV 4:2:0; `size` is its width and height in pixels, `codec` its encoder."""
    track = _add_track(container, codec, rate=25)
    track.width, track.height = size
    track.pix_fmt = "yuv420p"
    track.codec_context.time_base = _TICK_SECONDS
    track.codec_context.thread_count = 1  # with several, x264 divides an image differently
    track.options = options
    return track


def add_audio_track(container: Any, codec: str, sample_rate_hz: int) -> Any:
    """A mono audio track."""
    return _add_track(container, codec, rate=sample_rate_hz, layout="mono")


def _add_track(container: Any, codec: str, **settings: Any) -> Any:
    import av

    try:
        return container.add_stream(codec, **settings)
    except av.codec.codec.UnknownCodecError as error:
        raise UserError(f"this build of PyAV has no encoder {codec}: pip install av") from error


def write_images(container: Any, track: Any, frames: Iterable[Tuple[float, Image.Image]]) -> None:
    """Encodes all images of a track; see `write_video`."""
    import av

    for seconds, image in frames:
        frame = av.VideoFrame.from_image(image)
        frame.pts, frame.time_base = round(seconds / _TICK_SECONDS), _TICK_SECONDS
        container.mux(track.encode(frame))
    container.mux(track.encode(None))


def write_audio(container: Any, track: Any, waveform: np.ndarray, start_seconds: float = 0.0) -> None:
    """Encodes the waveform (at the rate of the track) so that its first sample plays at `start_seconds`."""
    import av

    sample_rate_hz = track.rate
    first = round(start_seconds * sample_rate_hz)
    for start in range(0, len(waveform), _BLOCK_SAMPLES):
        block = waveform[np.newaxis, start : start + _BLOCK_SAMPLES].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(block, "fltp", "mono")
        frame.sample_rate, frame.pts = sample_rate_hz, first + start
        frame.time_base = fractions.Fraction(1, sample_rate_hz)
        container.mux(track.encode(frame))
    container.mux(track.encode(None))
