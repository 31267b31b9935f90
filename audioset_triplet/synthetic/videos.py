"""A data set of synthetic videos: objects that make the sounds of their kind, as video files.

The look of an object (`synthetic.objects`) and its sound (`synthetic.sounds`) belong together; all else is independent.
Background, camera, size, position, motion, codec and frame size are random, and so is when the object is visible: it
may be off screen part of the time, or always. Other visible objects may be silent, and other kinds audible but never
visible. An object swells a little with its loudness. Results on this data set are results on synthetic videos.
"""

import colorsys
import dataclasses
import functools
import os
from typing import Dict, Iterator, Optional, Tuple

import joblib
import numpy as np
from PIL import Image

from audioset_triplet.errors import UserError
from audioset_triplet.media import video_writing
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.synthetic import objects, recordings
from audioset_triplet.synthetic.objects import DRAWINGS, Colours
from audioset_triplet.synthetic.sounds import SAMPLE_RATE_HZ

FRAMES_PER_SECOND = 10
SHAPES = ((160, 120), (160, 120), (192, 108), (120, 160))  # width and height of frames
DISTRACTOR_SHARE = 0.3  # of the videos: a silent object of another kind is visible
TABLE = "videos.csv"

_OVERSAMPLING = 2  # frames are drawn larger and reduced, for smooth edges
_MARGIN = 0.2  # of the background that the camera can move over
_SWELLING = 0.25
_FOREVER = 1e6  # seconds; longer than any video
_LEAVING_SECONDS = 0.6  # an object takes to leave or to come back


@dataclasses.dataclass(frozen=True)
class _Actor:
    """An object in one video. Lengths are relative to the short side of a frame."""

    kind: str
    colours: Colours
    size: float
    is_mirrored: bool
    turns_per_second: float
    centre: np.ndarray  # [2] from the corner of the frame, relative to its width and height
    reach: np.ndarray  # [2] amplitude of its motion
    cycles_per_second: np.ndarray  # [2]
    phase: np.ndarray  # [2]
    exit: np.ndarray  # [2] direction in which it leaves
    away: Tuple[float, float]  # begin and end of its time out of the frame, in seconds

    def position(self, seconds: float, shape: np.ndarray) -> np.ndarray:
        """[2] its centre in pixels of a frame of this shape."""
        swing = np.sin(2 * np.pi * (self.cycles_per_second * seconds + self.phase))
        inside = (self.centre + self.reach * swing) * shape
        begin, end = self.away
        gone = np.interp(seconds, [begin - _LEAVING_SECONDS, begin, end, end + _LEAVING_SECONDS], [0, 1, 1, 0])
        return inside + gone * self.exit * (shape + self.size * shape.min())

    def is_visible(self, seconds: float) -> bool:
        """Whether it is in the frame, at least by half."""
        return not self.away[0] - _LEAVING_SECONDS / 2 < seconds < self.away[1] + _LEAVING_SECONDS / 2


@dataclasses.dataclass(frozen=True)
class World:
    """The common settings of all videos; the shares are of videos in which the object is not always visible.

    Raises:
        UserError: an impossible number.
    """

    num_kinds: int = 8
    seconds: float = 10.0
    off_screen_share: float = 0.15  # it is never visible
    leaving_share: float = 0.35  # it leaves for a while
    seed: int = 0

    def __post_init__(self) -> None:
        if not 2 <= self.num_kinds <= len(DRAWINGS):
            raise UserError(f"A world of videos has 2 to {len(DRAWINGS)} kinds, not {self.num_kinds}.")
        if not 1 <= self.seconds <= 600:
            raise UserError(f"A world of videos has videos of 1 to 600 s, not of {self.seconds:g} s.")
        shares = (self.off_screen_share, self.leaving_share)
        if min(shares) < 0 or sum(shares) > 1:
            raise UserError(f"Shares of the videos of a world are at least 0 and together at most 1, not {shares}.")


@dataclasses.dataclass(frozen=True)
class Video:
    """One video: its random choices, before anything is rendered."""

    number: int
    kind: str
    fold: int
    extension: str
    shape: Tuple[int, int]
    background: str
    sounding: _Actor
    distractor: Optional[_Actor]

    @property
    def filename(self) -> str:
        return f"{self.number:06d}{self.extension}"


def write_world(folder: str, num_videos: int = 200, world: World = World(), num_workers: int = 1) -> None:
    """Writes videos/NUMBER.mp4 (and .webm, .mkv) and videos.csv, the table of them.

    Its columns are filename, labels (the kind that sounds), fold (1 to 5, balanced over kinds), on_screen (the share of
    the time in which the object is visible), distractor (the kind of a visible silent object; empty: none) and
    background. The same arguments give the same audio and frames, whatever the number of processes. The folder appears
    when it is complete.

    Args:
        num_workers: number of processes; 0: one for each core.

    Raises:
        UserError: an impossible number, a folder that is not empty, an encoder that PyAV lacks.
    """
    if num_videos < 1:
        raise UserError(f"A world of videos has at least one video, not {num_videos}.")
    if num_workers < 0:
        raise UserError(f"A world of videos is made by at least one process (0: one for each core), not {num_workers}.")
    with recordings.new_world(folder) as temporary:
        os.makedirs(os.path.join(temporary, "videos"))
        videos = [plan(number, world) for number in range(num_videos)]
        write = joblib.delayed(functools.partial(_write, os.path.join(temporary, "videos"), world))
        written = joblib.Parallel(num_workers or -1, return_as="generator")(write(video) for video in videos)
        rows = list(progress_bar(written, "synthesise", "videos", total=num_videos))
        recordings.write_table(os.path.join(temporary, TABLE), rows)


def _write(folder: str, world: World, video: Video) -> Dict[str, object]:
    """Writes one video; returns its row of the table."""
    waveform = sound(video, world)
    path = os.path.join(folder, video.filename)
    video_writing.write_video(path, frames(video, waveform, world), video.shape, waveform, SAMPLE_RATE_HZ)
    return _row(video, world.seconds)


def plan(number: int, world: World) -> Video:
    """The video of a number: kinds in turn, then folds in turn."""
    rng = np.random.default_rng([world.seed, number, 0])
    kinds, seconds = list(DRAWINGS)[: world.num_kinds], world.seconds
    kind = kinds[number % world.num_kinds]
    away = (_FOREVER, _FOREVER)
    chance = rng.uniform()
    if chance < world.off_screen_share:
        away = (-_FOREVER, _FOREVER)
    elif chance < world.off_screen_share + world.leaving_share:
        begin = rng.uniform(0, 0.6 * seconds)
        away = (begin, begin + rng.uniform(0.2, 0.5) * seconds)
    sounding = _choose_actor(rng, kind, away)
    other_kinds = [other for other in kinds if other != kind]
    silent = _choose_actor(rng, other_kinds[rng.integers(len(other_kinds))], (_FOREVER, _FOREVER))
    return Video(
        number=number,
        kind=kind,
        fold=1 + number // world.num_kinds % recordings.NUM_FOLDS,
        extension=list(video_writing.CODECS)[rng.integers(len(video_writing.CODECS))],
        shape=SHAPES[rng.integers(len(SHAPES))],
        background=list(_BACKGROUNDS)[rng.integers(len(_BACKGROUNDS))],
        sounding=sounding,
        distractor=silent if rng.uniform() < DISTRACTOR_SHARE else None,
    )


def sound(video: Video, world: World) -> np.ndarray:
    """The audio of a video, [L] float64, 16 kHz (`recordings.render`)."""
    rng = np.random.default_rng([world.seed, video.number, 1])
    return recordings.render(rng, video.kind, round(world.seconds * SAMPLE_RATE_HZ))


def frames(video: Video, waveform: np.ndarray, world: World) -> Iterator[Tuple[float, Image.Image]]:
    """(time in seconds, RGB image) of every frame, as long as the waveform lasts."""
    rng = np.random.default_rng([world.seed, video.number, 2])
    shape = _OVERSAMPLING * np.array(video.shape)
    scenery = _BACKGROUNDS[video.background](rng, np.ceil(shape * (1 + _MARGIN)).astype(int))
    pan = rng.uniform(0, 1, 2), rng.uniform(0.02, 0.1, 2)
    exposure = rng.uniform(0.7, 1.15)
    for index, loudness in enumerate(_loudness(waveform)):
        seconds = index / FRAMES_PER_SECOND
        left, top = (0.5 + 0.5 * np.sin(2 * np.pi * (pan[0] + pan[1] * seconds))) * (np.array(scenery.size) - shape)
        frame = scenery.crop((int(left), int(top), int(left) + shape[0], int(top) + shape[1]))
        if video.distractor:
            _paste(frame, video.distractor, seconds, 1.0)
        _paste(frame, video.sounding, seconds, 1 + _SWELLING * loudness)
        yield seconds, frame.reduce(_OVERSAMPLING).point(lambda value: int(min(255, exposure * value)))


def _row(video: Video, seconds: float) -> Dict[str, object]:
    times = np.arange(0, seconds, 1 / FRAMES_PER_SECOND)
    return {
        "filename": video.filename,
        "labels": video.kind,
        "fold": video.fold,
        "on_screen": round(float(np.mean([video.sounding.is_visible(time) for time in times])), 2),
        "distractor": video.distractor.kind if video.distractor else "",
        "background": video.background,
    }


def _choose_actor(rng: np.random.Generator, kind: str, away: Tuple[float, float]) -> _Actor:
    exits = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    return _Actor(
        kind=kind,
        colours=objects.choose_colours(rng, kind),
        size=rng.uniform(0.4, 0.7),
        is_mirrored=rng.uniform() < 0.5,
        turns_per_second=rng.uniform(0.3, 1.5),
        centre=rng.uniform(0.35, 0.65, 2),
        reach=rng.uniform(0, 0.25, 2),
        cycles_per_second=rng.uniform(0.05, 0.3, 2),
        phase=rng.uniform(0, 1, 2),
        exit=exits[rng.integers(len(exits))],
        away=away,
    )


def _loudness(waveform: np.ndarray) -> np.ndarray:
    """[number of frames]: the loudness of the audio during each frame, at most 1."""
    size = SAMPLE_RATE_HZ // FRAMES_PER_SECOND
    blocks = waveform[: len(waveform) // size * size].reshape(-1, size)
    rms = np.sqrt(np.mean(blocks**2, axis=1))
    return rms / max(rms.max(), 1e-9)


def _paste(frame: Image.Image, actor: _Actor, seconds: float, swelling: float) -> None:
    """Draws an object at its position; with swelling 1 at its own size."""
    size = int(actor.size * swelling * min(frame.size))
    drawing = objects.draw(actor.kind, size, actor.turns_per_second * seconds, actor.colours)
    if actor.is_mirrored:
        drawing = drawing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    left, top = (actor.position(seconds, np.array(frame.size)) - size / 2).astype(int)
    frame.paste(drawing, (int(left), int(top)), drawing)


def _colour(rng: np.random.Generator) -> np.ndarray:
    """[3] a random hue of low saturation."""
    return 255 * np.array(colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0, 0.6), rng.uniform(0.25, 0.95)))


def _mixed(rng: np.random.Generator, weight: np.ndarray) -> Image.Image:
    """An image of two colours; the weight [height, width], 0 to 1, is that of the second."""
    colours = _colour(rng), _colour(rng)
    return Image.fromarray((colours[0] + weight[..., None] * (colours[1] - colours[0])).astype(np.uint8))


def _across(rng: np.random.Generator, size: np.ndarray) -> np.ndarray:
    """[height, width]: distance from the centre along a random direction, relative to the size of the image."""
    angle = rng.uniform(0, 2 * np.pi)
    x, y = np.meshgrid(*(np.linspace(-0.5, 0.5, length) for length in size))
    return x * np.cos(angle) + y * np.sin(angle)


def _gradient(rng: np.random.Generator, size: np.ndarray) -> Image.Image:
    return _mixed(rng, np.clip(0.5 + _across(rng, size), 0, 1))


def _stripes(rng: np.random.Generator, size: np.ndarray) -> Image.Image:
    return _mixed(rng, (_across(rng, size) * rng.uniform(4, 14) % 1 < rng.uniform(0.3, 0.7)) * 1.0)


def _checks(rng: np.random.Generator, size: np.ndarray) -> Image.Image:
    count = rng.uniform(3, 10)
    rows, columns = (np.floor(count * _across(rng, size)) for _ in range(2))
    return _mixed(rng, (rows + columns) % 2)


def _clouds(rng: np.random.Generator, size: np.ndarray) -> Image.Image:
    coarse = rng.uniform(0, 255, rng.integers(3, 9, 2)).astype(np.uint8)
    smooth = Image.fromarray(coarse).resize((int(size[0]), int(size[1])), Image.Resampling.BICUBIC)
    return _mixed(rng, np.asarray(smooth) / 255)


def _horizon(rng: np.random.Generator, size: np.ndarray) -> Image.Image:
    height = np.linspace(0, 1, size[1])[:, None]
    hills = rng.uniform(0.4, 0.8) + 0.08 * np.sin(np.linspace(0, rng.uniform(2, 12), size[0]) + rng.uniform(0, 6))
    return _mixed(rng, (height > hills) * rng.uniform(0.7, 1) + (height <= hills) * 0.2 * height)


_BACKGROUNDS = {
    "gradient": _gradient,
    "stripes": _stripes,
    "checks": _checks,
    "clouds": _clouds,
    "horizon": _horizon,
}
