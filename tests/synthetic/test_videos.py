"""The synthetic videos: files that agree with their table, in which only look and sound of a kind belong together."""

import collections
import csv
import dataclasses
import os
import pathlib
from typing import Callable, List

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from audioset_triplet.errors import UserError
from audioset_triplet.media import audio_files, video_files
from audioset_triplet.synthetic import objects, videos
from audioset_triplet.synthetic.objects import DRAWINGS
from audioset_triplet.synthetic.sounds import SOUNDS
from audioset_triplet.synthetic.videos import World

KINDS = list(DRAWINGS)


def never_visible(video: videos.Video) -> bool:
    return video.sounding.away[0] < 0


def always_visible(video: videos.Video) -> bool:
    return video.sounding.away[0] > 600


def images(video: videos.Video, seconds: float = 5.0) -> List[np.ndarray]:
    """Its frames, with audio of constant loudness."""
    waveform = np.ones(round(16000 * seconds))
    return [np.asarray(image).astype(int) for _, image in videos.frames(video, waveform, World())]


def with_kind(video: videos.Video, kind: str) -> videos.Video:
    """The same video with a sounding object that looks like one of another kind."""
    return dataclasses.replace(video, sounding=dataclasses.replace(video.sounding, kind=kind))


@pytest.fixture(scope="module")
def plans() -> List[videos.Video]:
    return [videos.plan(number, World()) for number in range(1000)]


def test_every_sound_has_an_object() -> None:
    assert list(DRAWINGS) == list(SOUNDS)


def test_files_and_their_table(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("av", reason="needs the video extra")
    for name, seed, num_workers in (("a", 3, 1), ("same", 3, 2), ("other", 4, 1)):
        world = World(num_kinds=2, seconds=1.0, seed=seed)
        videos.write_world(str(tmp_path / name), 4, world, num_workers)
    with open(tmp_path / "a" / "videos.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["filename"] for row in rows) == sorted(os.listdir(tmp_path / "a" / "videos"))
    assert [row["labels"] for row in rows] == ["siren", "church_bell"] * 2
    assert [row["fold"] for row in rows] == ["1", "1", "2", "2"]
    for number, row in enumerate(rows):
        path = tmp_path / "a" / "videos" / row["filename"]
        world = World(num_kinds=2, seconds=1.0, seed=3)
        video = videos.plan(number, world)
        decoded, rendered = audio_files.load(path, sample_rate_hz=16000), videos.sound(video, world)
        assert np.corrcoef(decoded[:16000], rendered)[0, 1] > 0.9  # codecs are lossy
        frames = list(video_files.images(path, 1.0, 10.0, 32, jpeg_quality=90))
        assert [float(frame.seconds) for frame in frames] == pytest.approx([i / 10 for i in range(10)])
        same = tmp_path / "same" / "videos" / row["filename"]
        assert same.read_bytes() == path.read_bytes()
    tables = [(tmp_path / name / "videos.csv").read_bytes() for name in ("a", "same")]
    assert tables[0] == tables[1]
    assert not {path.read_bytes() for path in (tmp_path / "a").rglob("*.*")} & {
        path.read_bytes() for path in (tmp_path / "other").rglob("*.*")
    }


def test_kinds_and_folds_take_turns(plans: List[videos.Video]) -> None:
    counts = collections.Counter((video.kind, video.fold) for video in plans)
    assert set(counts.values()) == {25} and len(counts) == 8 * 5
    assert {kind for kind, _ in counts} == set(KINDS[:8])


@pytest.mark.parametrize("field", ["background", "extension", "shape", "is_off_screen", "has_distractor"])
def test_nothing_but_the_object_says_which_kind_it_is(plans: List[videos.Video], field: str) -> None:
    def value(video: videos.Video) -> object:
        if field == "is_off_screen":
            return never_visible(video)
        return bool(video.distractor) if field == "has_distractor" else getattr(video, field)

    values = sorted({str(value(video)) for video in plans})
    table = np.zeros([8, len(values)])
    for video in plans:
        table[KINDS.index(video.kind), values.index(str(value(video)))] += 1
    assert len(values) > 1 and stats.chi2_contingency(table).pvalue > 1e-3


def test_shares(plans: List[videos.Video]) -> None:
    def share(condition: Callable[[videos.Video], object]) -> float:
        return float(np.mean([bool(condition(video)) for video in plans]))

    never = share(never_visible)
    leaves = share(lambda video: not never_visible(video) and not always_visible(video))
    # Standard deviations are at most 0.016.
    assert never == pytest.approx(World.off_screen_share, abs=0.06)
    assert leaves == pytest.approx(World.leaving_share, abs=0.06)
    assert share(lambda video: video.distractor) == pytest.approx(videos.DISTRACTOR_SHARE, abs=0.06)
    assert all(video.distractor.kind != video.kind for video in plans if video.distractor)


def test_an_object_is_in_the_frames_in_which_it_is_visible(plans: List[videos.Video]) -> None:
    """The look of the sounding object changes a frame if and only if it is visible in it."""
    leaving = next(video for video in plans if 2 < video.sounding.away[0] < 3)
    never = next(video for video in plans if never_visible(video))
    always = next(video for video in plans if always_visible(video))
    for video, expected in ((leaving, {True, False}), (never, {False}), (always, {True})):
        other = "applause" if video.kind != "applause" else "siren"
        visible = set()
        for index, (image, changed) in enumerate(zip(images(video), images(with_kind(video, other)))):
            begin, end = video.sounding.away
            time = index / videos.FRAMES_PER_SECOND
            if min(abs(time - begin), abs(time - end)) < 0.7:
                continue  # on its way
            visible.add(video.sounding.is_visible(time))
            assert np.any(image != changed) == video.sounding.is_visible(time)
        assert visible == expected


def test_an_object_swells_with_its_loudness(plans: List[videos.Video]) -> None:
    video = next(video for video in plans if always_visible(video) and not video.distractor)
    still = dataclasses.replace(video.sounding, reach=np.zeros(2), turns_per_second=0.0, centre=np.full(2, 0.5))
    video = dataclasses.replace(video, sounding=still)

    def covered(level: float) -> float:
        """Share of the last frame that an object of another look changes; the first 0.1 s are at full level."""
        waveform = np.concatenate([np.ones(1600), np.full(1600, level)])
        shown = [
            np.asarray(list(videos.frames(one, waveform, World()))[-1][1]).astype(int)
            for one in (video, with_kind(video, "clock_tick"))
        ]
        return float(np.mean(np.any(shown[0] != shown[1], axis=2)))

    assert covered(1.0) > 1.2 * covered(0.0)


def test_kinds_can_be_told_apart_by_their_looks() -> None:
    """Nearest neighbour among images of other objects, on a grey background."""

    def look(kind: int, example: int) -> np.ndarray:
        rng = np.random.default_rng([kind, example])
        image = Image.new("RGB", (32, 32), (128, 128, 128))
        drawing = objects.draw(KINDS[kind], 32, rng.uniform(), objects.choose_colours(rng, KINDS[kind]))
        image.paste(drawing, (0, 0), drawing)
        return np.asarray(image).ravel() / 255

    points = np.array([look(kind, example) for kind in range(len(KINDS)) for example in range(6)])
    labels = np.repeat(np.arange(len(KINDS)), 6)
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert np.mean(labels[distances.argmin(1)] == labels) > 0.85
    assert len(np.unique(points, axis=0)) == len(points)


@pytest.mark.parametrize(
    "arguments, named",
    [
        ({"num_kinds": 17}, "2 to 16 kinds, not 17"),
        ({"num_kinds": 1}, "not 1"),
        ({"seconds": 0.5}, "1 to 600 s"),
        ({"off_screen_share": 0.7}, "together at most 1"),
        ({"leaving_share": -0.1}, "at least 0"),
    ],
)
def test_a_world_that_cannot_be_is_refused(arguments: dict, named: str) -> None:
    with pytest.raises(UserError, match=named):
        World(**arguments)


def test_a_world_without_videos_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UserError, match="at least one video, not 0"):
        videos.write_world(str(tmp_path / "world"), num_videos=0)
    with pytest.raises(UserError, match="at least one process .*, not -1"):
        videos.write_world(str(tmp_path / "world"), num_workers=-1)
    assert os.listdir(tmp_path) == []


def test_without_absence_every_object_is_always_visible() -> None:
    world = World(off_screen_share=0.0, leaving_share=0.0)
    assert all(always_visible(videos.plan(number, world)) for number in range(200))


def test_a_folder_that_holds_something_is_left_alone(tmp_path: pathlib.Path) -> None:
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        videos.write_world(str(tmp_path))
    assert os.listdir(tmp_path) == ["notes"]
