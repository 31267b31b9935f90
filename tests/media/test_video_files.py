"""Images of real video files: their times, their orientation, and the errors of bad files."""

import fractions
import math
import pathlib
import random
from typing import List, Optional, Tuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from audioset_triplet.media import audio_files, extensions, video_files, video_writing
from audioset_triplet.media.audio_files import AudioError
from tests import datasets, video_examples

pytest.importorskip("av", reason="needs the video extra")
from av.stream import Disposition  # noqa: E402


def images(path: pathlib.Path, rate: float = 1.0, end: float = 3.0, size: int = 32) -> List[video_files.TimedImage]:
    return list(video_files.images(path, end, rate, size, jpeg_quality=90))


def times(timed_images: List[video_files.TimedImage]) -> List[float]:
    return [float(image.seconds) for image in timed_images]


def reason_of(path: pathlib.Path) -> str:
    with pytest.raises(AudioError) as caught:
        images(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize("extension", video_examples.EXTENSIONS)
@pytest.mark.parametrize("video_start, audio_start", [(0.0, 0.0), (0.6, 0.0), (0.0, 0.6)])
def test_times_are_relative_to_the_audio(
    tmp_path: pathlib.Path, extension: str, video_start: float, audio_start: float
) -> None:
    """The brightness and the position of the click are the time on the clock of the file."""
    path = tmp_path / f"a{extension}"
    waveform = video_examples.clicks(2.4, 1.2)
    video_examples.write(path, video_examples.steady(3.0 - video_start, video_start), waveform, audio_start)
    # AAC is heard from some samples before its start on, and so counts the time of what it holds.
    lead = video_examples.click_seconds(audio_files.load(path, sample_rate_hz=16000)) - 1.2
    result = images(path, rate=4, end=2.4)
    assert len(result) == 4 * 2.4 // 1 + 1 - 4 * video_start // 1
    for image in result:
        clock = float(image.seconds) + audio_start - lead
        assert abs(video_examples.time_of(image.jpeg) - clock) < video_examples.FRAME_SECONDS
    intervals = [math.floor(4 * time) for time in times(result)]
    assert intervals == list(range(intervals[0], intervals[0] + len(result)))


@pytest.mark.parametrize(
    "extension, codecs",
    [
        (".avi", ("mpeg4", "libmp3lame", {})),
        (".mov", ("libx264", "pcm_s16le", {"preset": "veryfast"})),
        (".ts", ("libx264", "aac", {"preset": "veryfast"})),
        (".flv", ("flv", "aac", {})),
        (".nut", ("mpeg4", "aac", {})),
    ],
)
def test_other_containers(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, extension: str, codecs: tuple
) -> None:
    assert extension in extensions.VIDEO_EXTENSIONS
    monkeypatch.setitem(video_writing.CODECS, extension, video_writing.Codecs(*codecs))
    path = video_examples.write(
        tmp_path / f"a{extension}", video_examples.steady(3.0), video_examples.clicks(2.4, 1.2), size=(176, 144)
    )
    lead = video_examples.click_seconds(audio_files.load(path, sample_rate_hz=16000)) - 1.2
    result = images(path, rate=4, end=2.4)
    assert [math.floor(4 * time) for time in times(result)] == list(range(10))
    for image in result:
        # AVI and NUT do not say how much of the audio is the encoder's.
        assert abs(video_examples.time_of(image.jpeg) - float(image.seconds) + lead) < 3 * video_examples.FRAME_SECONDS


def test_two_videos_in_one_file_are_rejected(tmp_path: pathlib.Path) -> None:
    path = video_examples.write(tmp_path / "a.mp4", video_examples.steady(1.0), video_examples.clicks(1.0, 0.5))
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(AudioError, match="unreadable: several videos in one file"):
        images(path)


def test_uneven_times_give_the_first_frame_of_an_interval_or_the_one_on_screen(tmp_path: pathlib.Path) -> None:
    path = video_examples.write(tmp_path / "a.mkv", [0, 0.1, 0.16, 1.7, 1.8, 2.9], video_examples.clicks(3.5, 1))
    result = images(path, rate=2, end=3.5)
    assert times(result) == pytest.approx([0, 0.5, 1.0, 1.7, 2.0, 2.9])
    shown = [video_examples.time_of(image.jpeg) for image in result]
    assert shown == pytest.approx([0, 0.16, 0.16, 1.7, 1.8, 2.9], abs=video_examples.FRAME_SECONDS)


def test_at_most_one_image_per_interval_and_none_after_the_audio(tmp_path: pathlib.Path) -> None:
    path = video_examples.write(tmp_path / "a.mp4", video_examples.steady(3.0), video_examples.clicks(1.5, 1))
    assert times(images(path, rate=1, end=1.5)) == [0, 1]
    assert times(images(path, rate=0.5, end=3)) == [0, 2]
    assert len(images(path, rate=25, end=3)) == 75
    assert times(images(path, rate=50, end=0.09)) == pytest.approx([0, 0.02, 0.04, 0.06, 0.08])


@given(
    begins=st.sets(st.integers(-20, 60), max_size=12),
    duration=st.integers(0, 30),
    rate=st.sampled_from([1, 2, 3]),
    end=st.integers(0, 70),
)
def test_choice_by_the_definition(begins: set, duration: int, rate: int, end: int) -> None:
    """Times in tenths of a second; the oracle looks at every interval anew."""
    ordered = [fractions.Fraction(begin, 10) for begin in sorted(begins)]
    last = (ordered[-1] if ordered else fractions.Fraction(0)) + fractions.Fraction(duration, 10)
    shown: List[Tuple[fractions.Fraction, Optional[str]]] = [(begin, f"frame {begin}") for begin in ordered]
    limit, width = fractions.Fraction(end, 10), fractions.Fraction(1, rate)
    expected = []
    for k in range(100):
        start = k * width
        inside = [begin for begin in ordered if start <= begin < start + width]
        before = [begin for begin in ordered if begin < start]
        if inside:
            time, frame = inside[0], inside[0]
        elif before and start < last:
            time, frame = start, before[-1]
        else:
            continue
        if time < limit:
            expected.append((time, f"frame {frame}"))
    chosen = video_files._one_per_interval(iter([*shown, (last, None)]), fractions.Fraction(rate), limit)
    assert list(chosen) == expected


def corners(_: float) -> Image.Image:
    """Red above left, green above right, blue below left, white below right."""
    image = Image.new("RGB", (48, 48))
    for x, y, colour in ((0, 0, "red"), (24, 0, "lime"), (0, 24, "blue"), (24, 24, "white")):
        ImageDraw.Draw(image).rectangle((x, y, x + 23, y + 23), fill=colour)
    return image


@pytest.mark.parametrize("extension", [".mp4", ".mkv"])
@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_images_are_the_right_way_up(tmp_path: pathlib.Path, extension: str, rotation: int) -> None:
    path = tmp_path / f"a{extension}"
    video_examples.write(
        path, [0, 0.04, 0.08], video_examples.clicks(0.5, 0.2), image=corners, size=(48, 48), rotation=rotation
    )
    (timed_image,) = images(path, end=0.1, size=48)
    turned = np.rot90(np.asarray(corners(0)), rotation // 90).astype(int)  # counter-clockwise, as the matrix says
    assert (
        np.abs(
            video_examples.decoded(timed_image.jpeg)[[12, 12, 36, 36], [12, 36, 12, 36]]
            - turned[[12, 12, 36, 36], [12, 36, 12, 36]]
        ).max()
        < 60
    )


def middle_of(width: int, height: int, part: int):
    """White in the middle square of `part` pixels, black around it."""

    def image_at(_: float) -> Image.Image:
        image = Image.new("RGB", (width, height))
        left, top = (width - part) // 2, (height - part) // 2
        ImageDraw.Draw(image).rectangle((left, top, left + part - 1, top + part - 1), fill="white")
        return image

    return image_at


@pytest.mark.parametrize("size", [(128, 64), (64, 128)])
def test_the_long_side_is_cropped_in_the_centre(tmp_path: pathlib.Path, size: Tuple[int, int]) -> None:
    path = video_examples.write(
        tmp_path / "a.mkv", [0, 0.04], video_examples.clicks(0.5, 0.2), image=middle_of(*size, 64), size=size
    )
    (timed_image,) = images(path, end=0.1, size=32)
    image = video_examples.decoded(timed_image.jpeg)
    assert image.shape == (32, 32, 3) and image[:, 1:-1].min() > 200 and image[1:-1].min() > 200


def test_non_square_pixels(tmp_path: pathlib.Path) -> None:
    """48 x 96 pixels, each twice as wide as high, are a square image: nothing is cropped."""
    path = video_examples.write(
        tmp_path / "a.mp4",
        [0, 0.04],
        video_examples.clicks(0.5, 0.2),
        image=middle_of(48, 96, 24),
        size=(48, 96),
        pixel_aspect=2,
    )
    (timed_image,) = images(path, end=0.1, size=32)
    image = video_examples.decoded(timed_image.jpeg).mean(axis=2)
    # 24 of 48 pixels across are half of the width, 24 of 96 down a quarter of the height.
    assert np.mean(image[16] > 128) == pytest.approx(1 / 2, abs=0.1)
    assert np.mean(image[:, 16] > 128) == pytest.approx(1 / 4, abs=0.1)


def test_files_that_lack_a_track(tmp_path: pathlib.Path) -> None:
    assert reason_of(video_examples.write(tmp_path / "audio.mp4", None, video_examples.clicks(1.0, 0.5))) == "no images"
    late = video_examples.write(tmp_path / "late.mkv", video_examples.steady(1.0, 3.2), video_examples.clicks(3.0, 0.5))
    assert reason_of(late) == "no images"
    silent = video_examples.write(tmp_path / "silent.webm", video_examples.steady(1.0), None)
    with pytest.raises(AudioError, match="no audio: a video without an audio track"):
        audio_files.load(silent, sample_rate_hz=16000)


def test_the_cover_of_a_piece_of_music_is_no_video(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "song.mp4"
    with video_writing.output(path) as container:
        cover = video_writing.add_video_track(container, "mjpeg", video_examples.SIZE, {})
        cover.pix_fmt, cover.disposition = "yuvj420p", Disposition.attached_pic.value
        audio_track = video_writing.add_audio_track(container, "aac", 16000)
        video_writing.write_images(container, cover, [(0.0, video_examples.grey(0))])
        video_writing.write_audio(container, audio_track, video_examples.clicks(1.0, 0.5))
    assert len(audio_files.load(path, sample_rate_hz=16000)) > 15000
    with pytest.raises(AudioError, match="no images: the file has no video track"):
        images(path)


def test_a_gap_in_the_audio(tmp_path: pathlib.Path) -> None:
    whole, path = (
        video_examples.write(tmp_path / "whole.mkv", video_examples.steady(3), video_examples.clicks(2.0, 0.5)),
        tmp_path / "a.mkv",
    )
    with video_files.open_container(whole) as source, video_writing.output(path) as target:
        tracks = [target.add_stream_from_template(track) for track in source.streams]
        for packet in source.demux():
            if packet.dts is None:
                continue  # the end
            if packet.stream.type == "audio" and packet.pts >= 1000:
                packet.pts, packet.dts = packet.pts + 1000, packet.dts + 1000
            packet.stream = tracks[packet.stream.index]
            target.mux(packet)
    with pytest.raises(AudioError, match=r"broken times: the audio jumps from 1\.0\d s to 2\.0\d s"):
        images(path)


@pytest.mark.parametrize("extension", video_examples.EXTENSIONS)
@pytest.mark.parametrize("part", [0.3, 0.6, 0.8])
def test_a_truncated_file_gives_an_error(tmp_path: pathlib.Path, extension: str, part: float) -> None:
    path = video_examples.write(tmp_path / f"a{extension}", video_examples.steady(3.0), video_examples.clicks(3.0, 1))
    contents = path.read_bytes()
    path.write_bytes(contents[: int(part * len(contents))])
    assert reason_of(path) in ("truncated", "unreadable")


@pytest.mark.parametrize("extension", video_examples.EXTENSIONS)
def test_damage_is_an_audio_error_and_nothing_else(tmp_path: pathlib.Path, extension: str) -> None:
    contents = video_examples.write(
        tmp_path / f"a{extension}", video_examples.steady(1.0), video_examples.clicks(1.0, 0.5)
    ).read_bytes()
    outcomes = set()
    for seed in range(12):
        generator, damaged = random.Random(seed), bytearray(contents)
        for _ in range(30):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        path = tmp_path / f"{seed}{extension}"
        path.write_bytes(damaged)
        try:
            images(path)
            outcomes.add("nothing seen")
        except AudioError as error:
            outcomes.add(error.reason)
    assert outcomes - {"nothing seen"}


def test_a_real_video() -> None:
    result = images(datasets.clips() / "bento.mp4", rate=5, end=1.0, size=64)
    assert times(result) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])  # its frames are 0.1 s long
    for timed_image in result:
        image = video_examples.decoded(timed_image.jpeg)
        assert image.shape == (64, 64, 3)
        assert (image[40:, :, 1] > image[40:, :, 2]).mean() > 0.8  # a dog on grass
