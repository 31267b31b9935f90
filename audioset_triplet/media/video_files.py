"""Video files on disk -> images in JPEG, with their times relative to the audio track.

What `audio_files` is for the audio track: decoded by PyAV (an extra) in constant memory, and a damaged file is an error
with a reason. Times count from the first sample that `audio_files` gives of the same file, wherever either track
begins.
"""

import contextlib
import fractions
import io
import math
from typing import Any, Iterator, NamedTuple, Optional, Tuple

from PIL import Image

from audioset_triplet.media import audio_files, ffmpeg_decoder
from audioset_triplet.media.audio_error import AudioError, Path, as_audio_error
from audioset_triplet.media.file_parts import Refused

# A larger gap in the times of the audio is an error: images could not be aligned with it. Packets are about 0.02 s
# long, and some containers round their times to 0.001 s.
_MOST_JUMP_SECONDS = 0.1
# Tracks end a little before the duration in the header.
_SLACK_SECONDS = 0.5
_MICROSECONDS = 1_000_000  # unit of the duration of a container
_QUARTER_TURNS = {1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_270}

_Time = fractions.Fraction


class TimedImage(NamedTuple):
    """An image, and the time at which the video shows it."""

    seconds: _Time  # from the first sample of the audio
    jpeg: bytes  # square, RGB


def images(
    path: Path, end_seconds: float, frames_per_second: float, image_size: int, jpeg_quality: int
) -> Iterator[TimedImage]:
    """The images of a video, at most one for each interval of 1 / `frames_per_second` of its audio, in order of time.

    The image of an interval is the first frame that appears in it, with the time at which it appears. An interval in
    which no frame appears gets the frame that stays on screen, with the time at which the interval begins. There are no
    images before the first frame and after the last. An image is rotated as the file says, scaled by its short side,
    and cropped in the centre.

    Args:
        path: a file whose audio can be decoded.
        end_seconds: length of the audio; later frames are ignored.
        frames_per_second: number of intervals per second.
        image_size: pixels of each side.
        jpeg_quality: 1 to 95.

    Raises:
        AudioError: no frame is shown during the audio, the file is damaged or truncated, or its times contradict each
            other. It comes after the images before the damage.
    """
    num_images = 0
    with as_audio_error(path), open_container(path) as container:
        track = _video_track(path, container)
        aspect = track.codec_context.sample_aspect_ratio or 1  # width of a pixel over its height
        encoded_frame, jpeg = None, b""
        frames = _decoded(path, container, track, _audio_start(path))
        for seconds, frame in _one_per_interval(frames, _Time(str(frames_per_second)), _Time(end_seconds)):
            if frame is not encoded_frame:
                encoded_frame, jpeg = frame, _encode(frame, float(aspect), image_size, jpeg_quality)
            num_images += 1
            yield TimedImage(seconds, jpeg)
    if not num_images:
        raise AudioError(path, "no images", "the video track shows none during the audio")


@contextlib.contextmanager
def open_container(path: Path) -> Iterator[Any]:
    """A video, opened by PyAV.

    Raises:
        AudioError: it is none, or several videos in one file, of which FFmpeg reads the first.
    """
    with audio_files.open_file(path) as file:
        if len(audio_files.measure(path, file).parts) > 1:
            raise AudioError(path, "unreadable", "several videos in one file")
        try:
            container = ffmpeg_decoder.open_container(path, file)
        except Refused as error:
            raise AudioError(path, "unreadable", str(error)) from error
        with container:
            yield container


def _video_track(path: Path, container: Any) -> Any:
    """The first video track; the cover image of a song does not count."""
    from av.stream import Disposition

    for track in container.streams.video:
        if not track.disposition & Disposition.attached_pic:
            if not track.codec_context:
                raise AudioError(path, "unreadable", "its video codec is unknown")
            track.codec_context.thread_count = 1  # there is a process for every core
            return track
    raise AudioError(path, "no images", "the file has no video track")


def _audio_start(path: Path) -> _Time:
    """The time of the first sample of the audio on the clock of the file, which its images share.

    Taken from the decoder: the start time that a container gives counts samples that the decoder drops.
    """
    import av

    with open_container(path) as container:
        try:
            first = next(container.decode(ffmpeg_decoder.audio_track(path, container)))
        except (av.error.FFmpegError, StopIteration) as error:
            raise AudioError(path, "unreadable", "the audio cannot be decoded") from error
    if first.pts is None:
        raise AudioError(path, "broken times", "the audio has none")
    return first.pts * first.time_base


def _decoded(path: Path, container: Any, track: Any, start: _Time) -> Iterator[Tuple[_Time, Optional[Any]]]:
    """(time at which it appears, frame) in order of time; at last (time at which the last frame ends, None).

    Reads all tracks of the file to their end, and raises an AudioError for what is wrong with it.
    """
    import av

    audio = ffmpeg_decoder.audio_track(path, container)
    begin = last_begin = shown_until = read_until = _Time(0)
    audio_until: Optional[_Time] = None
    try:
        for packet in container.demux():
            if packet.pts is not None and packet.time_base:
                packet_begin = packet.pts * packet.time_base
                packet_end = packet_begin + (packet.duration or 0) * packet.time_base
                read_until = max(read_until, packet_end)
                if packet.stream is track and packet_begin >= last_begin:
                    last_begin, shown_until = packet_begin, packet_end
                elif packet.stream is audio:
                    if audio_until is not None and abs(packet_begin - audio_until) > _MOST_JUMP_SECONDS:
                        detail = f"the audio jumps from {float(audio_until):.2f} s to {float(packet_begin):.2f} s"
                        raise AudioError(path, "broken times", detail)
                    audio_until = packet_end if packet.duration else None
            if packet.stream is not track:
                continue
            for frame in packet.decode():
                if frame.is_corrupt:
                    raise AudioError(path, "unreadable", f"the image after {float(begin):.2f} s is damaged")
                if frame.pts is not None:
                    begin = frame.pts * frame.time_base
                    yield begin - start, frame
    except av.error.FFmpegError as error:
        detail = f"images cannot be decoded after {float(begin):.2f} s: {error.strerror}"
        raise AudioError(path, "truncated", detail) from error
    if container.duration and read_until < container.duration / _MICROSECONDS - _SLACK_SECONDS:
        detail = f"the file ends after {float(read_until):.2f} s of {container.duration / _MICROSECONDS:.2f} s"
        raise AudioError(path, "truncated", detail)
    yield shown_until - start, None


def _one_per_interval(
    frames: Iterator[Tuple[_Time, Optional[Any]]], rate: _Time, end: _Time
) -> Iterator[Tuple[_Time, Any]]:
    """(time, frame) for each interval of 1 / rate from 0 to `end`; see `images`."""
    interval = 0  # the next that has no frame yet
    on_screen = None
    for begin, frame in frames:
        begin_interval = math.floor(begin * rate) if frame else math.ceil(begin * rate)
        while on_screen is not None and interval < begin_interval and interval / rate < end:
            yield interval / rate, on_screen
            interval += 1
        if frame and begin_interval >= interval:
            if begin < end:
                yield begin, frame
            interval = begin_interval + 1
        on_screen = frame


def _encode(frame: Any, aspect: float, size: int, quality: int) -> bytes:
    image = frame.to_image()
    side = min(image.width * aspect, image.height)
    across, down = min(image.width, side / aspect) / 2, side / 2
    centre_x, centre_y = image.width / 2, image.height / 2
    box = (centre_x - across, centre_y - down, centre_x + across, centre_y + down)
    image = image.resize((size, size), Image.Resampling.BICUBIC, box=box)
    turn = round(frame.rotation / 90) % 4  # counter-clockwise
    if turn:
        image = image.transpose(_QUARTER_TURNS[turn])
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=quality)
    return encoded.getvalue()
