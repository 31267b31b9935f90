"""Windows at or above a threshold become events: neighbours join, as long as no gap is too long.

Shapes: h windows of a class at or above its threshold, n events.
"""

from typing import Dict, List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np

from audioset_triplet.detection.peaks import TOLERANCE_SECONDS
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.store import window_parts, window_scores
from audioset_triplet.store.detections import Detections
from audioset_triplet.store.window_scores import ScoreInfo

_DECIMALS = 3  # of times


class Hits(NamedTuple):
    """h windows, in the order on disk."""

    clip_ids: np.ndarray  # [h] str objects
    start_seconds: np.ndarray  # [h], ascending within a clip
    scores: np.ndarray  # [h]


def join(hits: Hits, window_seconds: float, max_gap_seconds: float) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The events of a class: first window [n], last window [n] (both as rows of the hits), largest score [n].

    Args:
        hits: the windows.
        window_seconds: their length.
        max_gap_seconds: from the end of a window to the start of the next of the same event.
    """
    if not len(hits.clip_ids):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    gaps = np.diff(hits.start_seconds) - window_seconds
    begins = (hits.clip_ids[1:] != hits.clip_ids[:-1]) | (gaps > max_gap_seconds + TOLERANCE_SECONDS)
    firsts = np.concatenate([[0], 1 + np.flatnonzero(begins)])
    return firsts, np.append(firsts[1:], len(hits.clip_ids)) - 1, np.maximum.reduceat(hits.scores, firsts)


def detect(folder: str, thresholds: Mapping[str, float], max_gap_seconds: float) -> Detections:
    """The events of a folder of scores, part by part; in each by clip, start and class.

    Memory grows with the number of events, and by the windows of one part.

    Args:
        folder: the scores.
        thresholds: name of a class -> its threshold; other classes are left out.
        max_gap_seconds: as for `join`.
    """
    info = window_scores.read_info(folder)
    columns = {name: info.class_names.index(name) for name in thresholds}
    found: List[Detections] = []
    for path in progress_bar(window_scores.part_paths(folder), "detections", "files", leave=False):
        hits = _hits(path, thresholds, columns)
        found.append(_sorted([_events(name, of, info, max_gap_seconds) for name, of in hits.items()]))
    return _joined(found)


def _hits(path: str, thresholds: Mapping[str, float], columns: Mapping[str, int]) -> Dict[str, Hits]:
    """The windows of a part at or above the threshold of each class."""
    pieces: Dict[str, List[Hits]] = {name: [] for name in thresholds}
    needed = [ScoreInfo.COLUMN, "window_start_seconds"]
    for batch in window_parts.part_batches(path, ScoreInfo, (), needed):
        scores = window_parts.matrix(batch, ScoreInfo.COLUMN)
        clip_ids = batch["clip_id"].to_numpy(zero_copy_only=False)
        starts = batch["window_start_seconds"].to_numpy().astype(np.float64)
        for name, threshold in thresholds.items():
            rows = np.flatnonzero(scores[:, columns[name]] >= threshold)
            pieces[name].append(Hits(clip_ids[rows], starts[rows], scores[rows, columns[name]]))
    return {name: Hits(*map(np.concatenate, zip(*of_class))) for name, of_class in pieces.items() if of_class}


def _events(label: str, hits: Hits, info: ScoreInfo, max_gap_seconds: float) -> Detections:
    firsts, lasts, scores = join(hits, info.window_seconds, max_gap_seconds)
    labels = np.empty(len(firsts), object)
    labels[:] = label
    return Detections(
        clip_ids=hits.clip_ids[firsts],
        start_seconds=np.round(hits.start_seconds[firsts], _DECIMALS),
        end_seconds=np.round(hits.start_seconds[lasts] + info.window_seconds, _DECIMALS),
        labels=labels,
        scores=scores.astype(np.float64),
    )


def _joined(pieces: Sequence[Detections]) -> Detections:
    nothing = np.empty(0, object), np.zeros(0), np.zeros(0), np.empty(0, object), np.zeros(0)
    columns = zip(nothing, *(vars(one).values() for one in pieces))
    return Detections(*map(np.concatenate, columns))


def _sorted(of_classes: Sequence[Detections]) -> Detections:
    """The events of a part, by clip, start and class."""
    joined = _joined(of_classes)
    places = {clip_id: place for place, clip_id in enumerate(sorted(set(joined.clip_ids)))}
    clips = np.array([places[clip_id] for clip_id in joined.clip_ids], np.int64)
    order = np.lexsort([joined.labels.astype(str), joined.start_seconds, clips])
    return Detections(*(values[order] for values in vars(joined).values()))
