"""Ratings joined with stored embeddings: the windows of each rated interval.

An interval has the windows whose weighted mean would be its score in `evaluation` (`window_overlap`): that which
overlaps it most, those that lie in it at least by half where it is longer than a window, or all windows of a clip that
is rated as a whole. They learn its rating together: their weights sum to 1.

Shapes: m ratings, r rated intervals, w windows of all of them, D embedding size.
"""

import dataclasses
import hashlib
import json
from typing import Dict, Iterable, List, NamedTuple, Sequence, Set, Tuple

import numpy as np
import pyarrow as pa

from audioset_triplet.config.voting import VotingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import rated_pairs, window_overlap
from audioset_triplet.labelling import votes
from audioset_triplet.labelling.annotation_log import AnnotationLog
from audioset_triplet.labelling.events import interval_of
from audioset_triplet.plurals import counted
from audioset_triplet.search import stored_windows
from audioset_triplet.search.stored_windows import StoredWindows
from audioset_triplet.store import embedding_parts, embeddings, ratings
from audioset_triplet.store.questions import RANDOM
from audioset_triplet.store.ratings import RatedPairs


class Rated(NamedTuple):
    """The ratings that votes decide as present or not present."""

    pairs: RatedPairs  # m
    is_random: np.ndarray  # [m] bool: the interval was drawn at random

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that depend on the ratings alone, not on their order."""
        pairs = self.pairs
        times = (np.nan_to_num(one, nan=-1.0).tolist() for one in (pairs.start_seconds, pairs.end_seconds))
        rows = sorted(map(list, zip(pairs.clip_ids, *times, pairs.labels, pairs.is_present.tolist())))
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Examples:
    """m ratings of r intervals, with the windows of these."""

    classes: List[str]  # [C] names, in the order of the alphabet
    clips: List[StoredWindows]  # with all their windows
    vectors: np.ndarray  # [w, D] float32
    intervals: np.ndarray  # [w] int64, ascending: whose window it is
    places: np.ndarray  # [w] int64: its place in the clip
    weights: np.ndarray  # [w] float64: of a window in its interval
    clip_of: np.ndarray  # [r] int64: the clip of an interval
    recordings: np.ndarray  # [r] str objects
    rated: np.ndarray  # [m] int64: the interval of a rating
    columns: np.ndarray  # [m] int64: its class
    is_present: np.ndarray  # [m] bool
    is_random: np.ndarray  # [m] bool

    def __len__(self) -> int:
        return len(self.rated)

    def places_of(self, interval: int) -> np.ndarray:
        """The places of the windows of an interval in its clip."""
        return self.places[slice(*np.searchsorted(self.intervals, [interval, interval + 1]))]


class WindowCache:
    """The windows of clips of a store, each read once."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._known: Dict[str, StoredWindows] = {}
        self._missing: Set[str] = set()

    def of_clips(self, clip_ids: Iterable[str]) -> Dict[str, StoredWindows]:
        """Clip id -> its windows, ascending; a clip that the store lacks is missing.

        Raises:
            UserError: a damaged part.
        """
        names = set(clip_ids)
        unknown = names - self._known.keys() - self._missing
        if unknown:
            found = stored_windows.of_clips(self.folder, unknown)
            for name, windows in found.items():
                order = np.argsort(windows.start_seconds, kind="stable")
                self._known[name] = StoredWindows(*(values[order] for values in windows))
            self._missing |= unknown - found.keys()
        return {name: self._known[name] for name in names if name in self._known}


def of_log(log: AnnotationLog, voting: VotingConfig) -> Rated:
    """The ratings of a log: what cannot be heard is not present, and unsure decides nothing (`ratings.decide`)."""
    pairs = ratings.decide(votes.decided_ratings(log, voting))
    drawn = {
        (question.interval, candidate.label)
        for question in log.questions.values()
        for candidate in question.candidates
        if candidate.source == RANDOM
    }
    times = zip(pairs.clip_ids, pairs.start_seconds, pairs.end_seconds, pairs.labels)
    is_random = [(_interval(clip_id, start, end), label) in drawn for clip_id, start, end, label in times]
    return Rated(pairs, np.array(is_random, bool))


def _interval(clip_id: str, start: float, end: float) -> Tuple:
    return interval_of(clip_id, *(None if np.isnan(time) else float(time) for time in (start, end)))


def join(rated: Rated, cache: WindowCache, window_seconds: float) -> Examples:
    """The examples of ratings; those of a clip that the store lacks, or outside its windows, are left out.

    Raises:
        UserError: none is left; what `WindowCache.of_clips` raises.
    """
    pairs = rated.pairs
    if not len(pairs):
        raise UserError("no rating says present or not present yet: rate some clips first (experiments.label).")
    clips = cache.of_clips(pairs.clip_ids)
    if not clips:
        raise UserError(
            f"{cache.folder}: holds none of the {counted(len(set(pairs.clip_ids)), 'rated clip')}, such as "
            f"{pairs.clip_ids[0]}: give the embeddings of the clips that were rated."
        )
    classes = sorted(set(pairs.labels))
    numbers: Dict[Tuple, int] = {}  # interval -> its number
    parts: List[Tuple[np.ndarray, ...]] = []  # vectors, weights, place and interval of each window
    used: List[StoredWindows] = []
    clip_of: List[int] = []
    kept: List[Tuple[int, int]] = []  # rating, interval
    for clip_id, rows in rated_pairs.rows_by_clip(pairs.clip_ids).items():
        if clip_id not in clips:
            continue
        windows, starts, ends = clips[clip_id], pairs.start_seconds[rows], pairs.end_seconds[rows]
        used.append(windows)
        weights = window_overlap.window_weights(starts, ends, windows.start_seconds, window_seconds, windows.weights)
        for row, start, end, of_windows in zip(rows.tolist(), starts, ends, weights):
            chosen = np.flatnonzero(of_windows)
            if not chosen.size:
                continue
            interval = _interval(clip_id, start, end)
            if interval not in numbers:
                numbers[interval] = len(numbers)
                clip_of.append(len(used) - 1)
                own = np.full(len(chosen), numbers[interval])
                parts.append((windows.vectors[chosen], of_windows[chosen], chosen, own))
            kept.append((row, numbers[interval]))
    if not kept:
        raise UserError(f"{cache.folder}: no rated interval lies in the windows of its clip.")
    vectors, window_weights, places, intervals = (np.concatenate(column) for column in zip(*parts))
    rows, rated_intervals = np.array(kept, np.int64).T
    return Examples(
        classes=classes,
        clips=used,
        vectors=vectors,
        intervals=intervals,
        places=places,
        weights=window_weights,
        clip_of=np.array(clip_of, np.int64),
        recordings=np.array([used[clip].recording_ids[0] for clip in clip_of], object),
        rated=rated_intervals,
        columns=np.searchsorted(classes, pairs.labels[rows].astype(str)),
        is_present=pairs.is_present[rows],
        is_random=rated.is_random[rows],
    )


def window_times(folder: str, window_seconds: float) -> Tuple[float, float]:
    """The length of a window of a store, and the seconds from its start to that of the next.

    Args:
        folder: the store.
        window_seconds: the length, if it is known; 0: that of the front end, where its id says it (`foreign_model`),
            else that of the hop: windows of this project's front ends follow each other.

    Raises:
        UserError: every clip has one window alone, so that the hop is not known.
    """
    info = embeddings.read_info(folder)
    kind, *numbers = info.front_end_id.split("-")
    if kind == "waveform" and len(numbers) >= 3 and all(text.isdigit() for text in numbers[:3]):
        rate, window, hop = map(int, numbers[:3])
        return window_seconds or window / rate, hop / rate
    hop_seconds = next(filter(np.isfinite, map(_hop_seconds, embedding_parts.part_paths(folder))), np.inf)
    if not np.isfinite(hop_seconds) and not window_seconds:
        raise UserError(f"{folder}: every clip has one window, whose length is not known: --window_seconds.")
    hop_seconds = round(float(hop_seconds), 4) if np.isfinite(hop_seconds) else window_seconds
    return window_seconds or hop_seconds, hop_seconds


def _hop_seconds(path: str) -> float:
    """The median over the windows of a part that follow one of their clip; infinite where none does."""
    batches = list(embeddings.part_batches(path, (), ["window_start_seconds"]))
    if not batches:
        return np.inf
    table = pa.Table.from_batches(batches)
    starts, clip_ids = table["window_start_seconds"].to_numpy(), table["clip_id"].to_numpy()
    gaps = np.diff(starts)[clip_ids[1:] == clip_ids[:-1]]
    return float(np.median(gaps[gaps > 0])) if (gaps > 0).any() else np.inf


def in_words(rated: Rated, examples: Examples) -> Sequence[str]:
    """What is learned from and what is not, a line each."""
    pairs = rated.pairs
    lines = [
        f"{counted(len(examples), 'rating')} of {counted(len(examples.recordings), 'interval')} in "
        f"{counted(len(set(examples.recordings)), 'recording')}, {int(examples.is_random.sum())} drawn at random"
    ]
    if len(examples) < len(pairs):
        lost = counted(len(pairs) - len(examples), "rating is", "ratings are")
        lines.append(f"{lost} of clips without embeddings, or outside their windows: left out")
    return lines
