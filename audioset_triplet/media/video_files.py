"""Video files on disk -> pictures in JPEG, with the times at which they are shown beside the sound.

What `data.audio_files` is for the sound track: decoded by PyAV (an extra) in constant memory, and a damaged file is an
error with a reason. Times count from the first sample that `audio_files` gives of the same file, wherever either track
begins.
"""

import fractions
import io
import math
from typing import Any, Iterator, NamedTuple, Optional, Tuple

from PIL import Image

from audioset_triplet.media import audio_files
from audioset_triplet.media.audio_files import AudioError, Path

VIDEO_EXTENSIONS = (".m4v", ".mkv", ".mov", ".mp4", ".webm")

# What the sound may jump in its own time before pictures cannot be placed beside it. Packets are some 0.02 s long, and
# their times rounded to 0.001 s in some containers.
_MOST_JUMP_SECONDS = 0.1
# Tracks end a little before the file says that it does.
_SLACK_SECONDS = 0.5
_MICROSECONDS = 1_000_000  # unit of the duration of a container
_QUARTER_TURNS = {1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_270}

_Time = fractions.Fraction


class Picture(NamedTuple):
    """What is shown at a time."""

    seconds: _Time  # from the beginning of the sound
    jpeg: bytes  # square, RGB


def pictures(
    path: Path, end_seconds: float, frames_per_second: float, image_size: int, jpeg_quality: int
) -> Iterator[Picture]:
    """The pictures of a video, at most one for each interval of 1 / `frames_per_second` of its sound, ascending.

    It is the first that appears in the interval, at the time at which it does; where none appears in it, the one that
    stays on the screen, at the beginning of the interval. Before the first and after the last there are none. A picture
    is turned as the file says, scaled by its short side, and cropped in the centre.

    Args:
        path: a file whose sound can be decoded.
        end_seconds: length of the sound, behind which pictures are not wanted.
        frames_per_second: how many are wanted.
        image_size: pixels of each side.
        jpeg_quality: 1 to 95.

    Raises:
        AudioError: the file has no picture beside its sound, is damaged or truncated, or has times that cannot be. It
            comes after the pictures before the damage.
    """
    num_given = 0
    with audio_files.open_container(path) as container:
        track = _video_track(path, container)
        aspect = track.codec_context.sample_aspect_ratio or 1  # width of a pixel over its height
        encoded_frame, jpeg = None, b""
        frames = _decoded(path, container, track, _sound_start(path))
        for seconds, frame in _one_per_interval(frames, _Time(str(frames_per_second)), _Time(end_seconds)):
            if frame is not encoded_frame:
                encoded_frame, jpeg = frame, _encode(frame, float(aspect), image_size, jpeg_quality)
            num_given += 1
            yield Picture(seconds, jpeg)
    if not num_given:
        raise AudioError(path, "no pictures", "the video track shows none beside the sound")


def _video_track(path: Path, container: Any) -> Any:
    """The first track of moving pictures; the cover of a piece of music is none."""
    from av.stream import Disposition

    for track in container.streams.video:
        if not track.disposition & Disposition.attached_pic:
            if not track.codec_context:
                raise AudioError(path, "unreadable", "its pictures are of an unknown kind")
            track.codec_context.thread_count = 1  # there is a process for every core
            return track
    raise AudioError(path, "no pictures", "the file has no track of moving pictures")


def _sound_start(path: Path) -> _Time:
    """The time of the first sample of the sound on the clock of the file, which is that of its pictures too.

    Taken from the decoder: the start time that a container gives counts samples that the decoder drops.
    """
    import av

    with audio_files.open_container(path) as container:
        try:
            first = next(container.decode(audio_files.sound_track(path, container)))
        except (av.error.FFmpegError, StopIteration) as error:
            raise AudioError(path, "unreadable", "the sound does not begin") from error
    if first.pts is None:
        raise AudioError(path, "broken times", "the sound has none")
    return first.pts * first.time_base


def _decoded(path: Path, container: Any, track: Any, start: _Time) -> Iterator[Tuple[_Time, Optional[Any]]]:
    """(time at which it appears, frame) in the order in which they are shown; last the time at which the last ends.

    Reads the file to its end, all tracks of it, and raises an AudioError for what is wrong with it.
    """
    import av

    sound = audio_files.sound_track(path, container)
    begin = last_begin = shown_until = read_until = _Time(0)
    sound_until: Optional[_Time] = None
    try:
        for packet in container.demux():
            if packet.pts is not None and packet.time_base:
                packet_begin = packet.pts * packet.time_base
                packet_end = packet_begin + (packet.duration or 0) * packet.time_base
                read_until = max(read_until, packet_end)
                if packet.stream is track and packet_begin >= last_begin:
                    last_begin, shown_until = packet_begin, packet_end
                elif packet.stream is sound:
                    if sound_until is not None and abs(packet_begin - sound_until) > _MOST_JUMP_SECONDS:
                        detail = f"the sound jumps from {float(sound_until):.2f} s to {float(packet_begin):.2f} s"
                        raise AudioError(path, "broken times", detail)
                    sound_until = packet_end if packet.duration else None
            if packet.stream is not track:
                continue
            for frame in packet.decode():
                if frame.is_corrupt:
                    raise AudioError(path, "unreadable", f"the picture behind {float(begin):.2f} s is damaged")
                if frame.pts is not None:
                    begin = frame.pts * frame.time_base
                    yield begin - start, frame
    except av.error.FFmpegError as error:
        detail = f"pictures cannot be decoded behind {float(begin):.2f} s: {error.strerror}"
        raise AudioError(path, "truncated", detail) from error
    if container.duration and read_until < container.duration / _MICROSECONDS - _SLACK_SECONDS:
        detail = f"the file ends after {float(read_until):.2f} s of {container.duration / _MICROSECONDS:.2f} s"
        raise AudioError(path, "truncated", detail)
    yield shown_until - start, None


def _one_per_interval(
    frames: Iterator[Tuple[_Time, Optional[Any]]], rate: _Time, end: _Time
) -> Iterator[Tuple[_Time, Any]]:
    """(time, frame) for each interval of 1 / rate from 0 to `end`; see `pictures`."""
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
