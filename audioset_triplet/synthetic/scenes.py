"""Synthetic scenes like AudioSet's segments: which classes a scene has, which clips are heard in it, and when.

Each class is in a scene independently of the others, by its prior; priors fall from common to rare, geometrically or
with a power of the rank. A scene has at least one label, as AudioSet's segments do: the probabilities are such that the
priors hold among those scenes. Each label is one event: a part of a clip of the class, at a random time.
`synthetic.scene_audio` makes the audio of a scene, `synthetic.scene_labels` its ratings.

Everything about a scene is drawn from one generator, of the seed, the world and the number of the scene alone.

Shapes: C classes.
"""

import dataclasses
import functools
import hashlib
import itertools
import json
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from scipy import optimize

from audioset_triplet.config.scenes import GEOMETRIC, POWER, PriorsConfig, SceneConfig
from audioset_triplet.errors import UserError
from audioset_triplet.synthetic.activity import Interval

MAX_SCENES = 10**6
BACKGROUND = -1  # the label of a clip that is one
_GRID_SECONDS = 0.01  # of onsets
_MOST_TRIES, _TRIES_AT_A_LENGTH, _SHORTER = 60, 3, 0.8
_PREFIX_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


@dataclasses.dataclass(frozen=True)
class Source:
    """A clip that events or backgrounds are taken from."""

    clip_id: str
    recording_id: str
    fold: int
    label: int  # its class, or BACKGROUND
    active: Tuple[Interval, ...]  # when it is active, in seconds, ascending; at least one

    @property
    def extent(self) -> Interval:
        """From where it is first active to where it last is."""
        return self.active[0][0], self.active[-1][1]


@dataclasses.dataclass(frozen=True)
class Event:
    """A part of a clip in a scene. Times are in seconds."""

    source: Source
    source_start: float
    onset: float
    seconds: float
    snr_db: float  # its level above that of the background


@dataclasses.dataclass(frozen=True)
class Background:
    """What is heard throughout a scene."""

    source: Optional[Source]  # None: noise
    source_start: float  # where in the clip it begins, in seconds; 0 for noise
    exponent: float  # of the noise: its power falls with frequency to this power, 1 pink to 2 brown
    level_dbfs: float


@dataclasses.dataclass(frozen=True)
class Scene:
    """One scene, before its audio is made."""

    number: int
    labels: Tuple[int, ...]  # classes, ascending
    hard_negatives: Tuple[int, ...]  # similar classes that are absent
    events: Tuple[Event, ...]  # one for each label, in their order
    background: Background


@dataclasses.dataclass(frozen=True)
class World:
    """What all scenes have in common.

    Attributes:
        config: its settings.
        identity: whatever else tells it from other worlds, as JSON has it: its classes and clips.
        probabilities: [C] of a class in a draw; 0 for a class without a clip.
        clips: of each class.
        backgrounds: clips that are backgrounds; none: noise.
        similar: for each class all others that have a clip, the most similar first.
    """

    config: SceneConfig
    identity: Any
    probabilities: np.ndarray
    clips: Tuple[Tuple[Source, ...], ...]
    backgrounds: Tuple[Source, ...]
    similar: Tuple[Tuple[int, ...], ...]

    @property
    def prefix(self) -> str:
        """Five letters that tell the ids of its scenes from those of other worlds."""
        number = self.entropy
        return "".join(_PREFIX_LETTERS[number >> 5 * place & 31] for place in range(5))

    @functools.cached_property
    def entropy(self) -> int:
        """64 bits of a digest of its settings, so that two worlds of one seed share nothing."""
        settings = dataclasses.asdict(self.config)
        if self.config.prior_law == GEOMETRIC:
            del settings["prior_law"]  # worlds from before there was another law keep their scenes
        text = json.dumps([settings, self.identity], sort_keys=True)
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")

    def video_id(self, number: int) -> str:
        """The id of a scene in AudioSet's lists: 11 characters."""
        return f"{self.prefix}{number:06d}"

    def generator(self, number: int, purpose: int) -> np.random.Generator:
        """The random numbers of a scene: those of its plan (0) and of its audio (1)."""
        return np.random.default_rng([self.entropy, number, purpose])


def priors(names: Sequence[str], config: PriorsConfig) -> np.ndarray:
    """[C] the prior of each class, from `highest_prior` down to its `prior_ratio`-th part.

    Raises:
        UserError: `common_classes` names a class that is not there.
    """
    unknown = [name for name in config.common_classes if name not in names]
    if unknown:
        raise UserError(f"--common_classes: {unknown[0]} is none of the classes {', '.join(names)}.")
    shuffled = np.random.default_rng(config.prior_seed).permutation(len(names)).tolist()
    first = [list(names).index(name) for name in config.common_classes]
    order = first + [label for label in shuffled if label not in first]
    if config.prior_law == POWER and len(names) > 1:
        fallen = np.log(np.arange(1, len(names) + 1)) / np.log(len(names))
    else:
        fallen = np.linspace(0, 1, len(names))
    values = config.highest_prior * config.prior_ratio**-fallen
    return values[np.argsort(order)]


def draw_probabilities(target: np.ndarray) -> np.ndarray:
    """[C] probabilities of independent draws whose results have the target priors, where empty ones are drawn again.

    With p = s * target, a result is not empty with probability 1 - prod(1 - p), which has to be s.

    Raises:
        UserError: the priors sum to 1 or less, so that no scenes with at least one label each have them.
    """
    if target.sum() <= 1 + 1e-9:
        needed = float(target.max() / target.sum())
        raised = f"raise --highest_prior above {needed:.3f}, or " if needed < 1 else ""
        raise UserError(
            f"the priors of {np.count_nonzero(target)} classes sum to {target.sum():.3g}, and every scene has at least "
            f"one label: {raised}lower --prior_ratio."
        )

    def excess(scale: float) -> float:
        return 1 - float(np.prod(1 - scale * target)) - scale

    return target * optimize.brentq(excess, 1e-12, 1.0)


def similar_classes(profiles: Sequence[Sequence[Sequence[float]]]) -> Tuple[Tuple[int, ...], ...]:
    """For each class the others, the most similar first: by the distance of the mean profiles of their clips.

    Each value of a profile counts relative to its standard deviation within classes. On folds 1-3 of ESC-50 a logistic
    classifier of profiles confuses a class with the three most similar ones three times as often as with an average
    one; with the three that it confuses most, 3.7 times.

    Args:
        profiles: of the clips of each class (`activity.profile`); a class without a clip is similar to none.
    """
    with_clips = [label for label, clips in enumerate(profiles) if clips]
    means = np.array([np.mean(profiles[label], axis=0) for label in with_clips])
    spread = np.sqrt(np.mean([np.var(profiles[label], axis=0) for label in with_clips], axis=0))
    means /= np.maximum(spread, 1e-3 * max(float(spread.max()), 1e-3))
    ranked: Dict[int, Tuple[int, ...]] = {}
    for row, label in enumerate(with_clips):
        order = np.argsort(np.linalg.norm(means - means[row], axis=1), kind="stable")
        ranked[label] = tuple(with_clips[other] for other in order if other != row)
    return tuple(ranked.get(label, ()) for label in range(len(profiles)))


def plan(number: int, world: World) -> Scene:
    """The scene of a number.

    Raises:
        UserError: its events do not fit into it.
    """
    rng, config = world.generator(number, 0), world.config
    labels: List[int] = []
    while not labels:
        labels = np.flatnonzero(rng.uniform(size=len(world.probabilities)) < world.probabilities).tolist()
    sources = [world.clips[label][rng.integers(len(world.clips[label]))] for label in labels]
    positions = rng.uniform(size=len(labels))
    snrs_db = rng.uniform(config.snr_db[0], config.snr_db[1], len(labels))
    background = _background(rng, world)
    hard_negatives = _hard_negatives(rng, labels, world)
    extents = [source.extent for source in sources]
    times = _place(rng, [min(end - start, config.max_event_seconds) for start, end in extents], config)
    if times is None:
        raise UserError(
            f"scene {number} of seed {config.seed}: its {len(labels)} events do not fit into {config.seconds:g} s with "
            f"--max_overlap={config.max_overlap}: raise it, or lower --highest_prior."
        )
    events = []
    for source, position, snr_db, (onset, seconds) in zip(sources, positions, snrs_db, times):
        events.append(Event(source, _start(source, position, seconds), onset, seconds, float(snr_db)))
    return Scene(number, tuple(labels), hard_negatives, tuple(events), background)


def _background(rng: np.random.Generator, world: World) -> Background:
    lowest, highest = world.config.background_dbfs
    level_dbfs = float(rng.uniform(lowest, highest))
    if not world.backgrounds:
        return Background(None, 0.0, float(rng.uniform(1, 2)), level_dbfs)
    source = world.backgrounds[rng.integers(len(world.backgrounds))]
    start, end = source.extent
    latest = max(start, end - world.config.seconds)
    return Background(source, float(rng.uniform(start, latest)), 0.0, level_dbfs)


def _hard_negatives(rng: np.random.Generator, labels: Sequence[int], world: World) -> Tuple[int, ...]:
    """Absent classes: in turn the most similar one to a random label of the scene that is not taken yet."""
    chosen: List[int] = []
    for _ in range(world.config.hard_negatives):
        label = labels[rng.integers(len(labels))]
        absent = (other for other in world.similar[label] if other not in labels and other not in chosen)
        chosen += itertools.islice(absent, 1)
    return tuple(sorted(chosen))


def _place(
    rng: np.random.Generator, lengths: Sequence[float], config: SceneConfig
) -> Optional[List[Tuple[float, float]]]:
    """(onset, seconds) of each event, so that at most `max_overlap` are heard at a time; None: they do not fit.

    Onsets are uniform where an event fits beside those before it. Where one fits nowhere all are placed again, and
    after some tries all are shorter.
    """
    for trial in range(_MOST_TRIES):
        shorter = _SHORTER ** (trial // _TRIES_AT_A_LENGTH)
        count = np.zeros(int(config.seconds / _GRID_SECONDS + 1e-6), int)
        times = []
        for length in lengths:
            seconds = min(length * shorter, config.seconds)
            cells = min(max(1, int(np.ceil(seconds / _GRID_SECONDS - 1e-6))), len(count))
            busiest = np.lib.stride_tricks.sliding_window_view(count, cells).max(axis=1)
            fits = np.flatnonzero(busiest < config.max_overlap)
            if not len(fits):
                break
            first = int(fits[rng.integers(len(fits))])
            count[first : first + cells] += 1
            times.append((first * _GRID_SECONDS, seconds))
        else:
            return times
    return None


def _start(source: Source, position: float, seconds: float) -> float:
    """Where in a clip a part of it begins: at an active moment, `position` (in [0, 1)) of those that leave enough."""
    latest = source.extent[1] - seconds
    moment = source.extent[0]
    stretches = [(start, min(end, latest)) for start, end in source.active if start <= latest]
    remaining = position * sum(end - start for start, end in stretches)
    for start, end in stretches:
        moment = start + min(remaining, end - start)
        if remaining <= end - start:
            break
        remaining -= end - start
    return moment
