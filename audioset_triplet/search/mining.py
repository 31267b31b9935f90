"""Exemplars of classes -> candidates: intervals of clips in which each class may be heard, for people to rate.

Each cluster of exemplar windows is a query, so that the exemplars of one query are alike. The hits of all clusters of a
class go into one list, nearest first. A hit is padded to the length of a candidate within its clip; the hits whose
middle lies in the interval of a nearer one are of the same event, or its neighbours, and join it. Intervals of the
exemplars, padded alike, are no candidates.

A search for the first hits gives the first candidates: more hits are asked for until there are enough.
"""

import os
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np
import pyarrow as pa

from audioset_triplet.config.search import MEAN_DISTANCE, MEAN_SQUARED_DISTANCE, NEAREST_DISTANCE, MiningConfig
from audioset_triplet.errors import UserError
from audioset_triplet.jobs.passes import Where
from audioset_triplet.plurals import counted
from audioset_triplet.search import exemplars as exemplar_windows
from audioset_triplet.search import opening, random_windows
from audioset_triplet.search.best import Limits, Wanted
from audioset_triplet.search.exemplars import ClassExemplars, Segment
from audioset_triplet.search.index import Index
from audioset_triplet.search.scorings import MeanDistance, MeanSquaredDistance, NearestDistance, Scoring
from audioset_triplet.search.windows import END, HOP, START, Filters, Span
from audioset_triplet.store import embeddings, questions
from audioset_triplet.store.questions import Questions

SCORINGS: Mapping[str, Callable[[np.ndarray], Scoring]] = {
    MEAN_DISTANCE: MeanDistance,
    MEAN_SQUARED_DISTANCE: MeanSquaredDistance,
    NEAREST_DISTANCE: NearestDistance,
}
_HITS_PER_CANDIDATE = 4  # that are asked for at first
_GROWTH = 4


class Candidate(NamedTuple):
    """An interval in which a class may be heard."""

    label: str
    clip_id: str
    start_seconds: float  # NaN, as the end: the whole clip
    end_seconds: float
    distance: float  # of its nearest window, by the scoring: the lower, the more similar
    details: Dict[str, Any]  # where it comes from


def run(store: str, output: str, where: Where, config: MiningConfig) -> Iterator[str]:
    """Writes OUTPUT/candidates.csv and candidates.parquet; gives lines to print as they come.

    Args:
        store: the folder of embeddings.
        output: the folder of the candidates.
        where: passes over the store run.
        config: exemplars, and what is searched.

    Raises:
        UserError: no exemplars; what `exemplars.read`, `exemplars.find`, `opening.open_index` and `mine` raise.
    """
    if not config.exemplars and not config.clips:
        raise UserError("--exemplars or --clips is required: the segments in which the class is heard.")
    info = embeddings.read_info(store)
    segments = exemplar_windows.read(config.exemplars) if config.exemplars else _whole(config.clips, config.label)
    filters = opening.filters(config.filters)
    found = exemplar_windows.find(segments, store, random_windows.draw(store), config.exemplar)
    yield from map(exemplar_windows.describe, found)
    candidates = mine(found, opening.open_index(store, config.index, where), filters, info.model_id, config)
    if not candidates:
        raise UserError("no candidate: beside the exemplars, the filters leave no window to be searched.")
    paths = [os.path.join(output, name) for name in ("candidates.csv", "candidates.parquet")]
    for path in paths:
        write(path, candidates)
    yield f"{counted(len(candidates), 'candidate')}: wrote {' and '.join(paths)}"


def _whole(clip_ids: Sequence[str], label: str) -> Dict[str, List[Segment]]:
    """Whole clips as the segments of a class."""
    return {label: [Segment(clip_id, np.nan, np.nan) for clip_id in dict.fromkeys(clip_ids)]}


def mine(
    exemplars: Sequence[ClassExemplars], index: Index, filters: Filters, model_id: str, config: MiningConfig
) -> List[Candidate]:
    """The candidates of all classes, class by class, nearest first.

    Args:
        exemplars: of each class.
        index: what is searched.
        filters: which clips are searched.
        model_id: for the details.
        config: how many candidates, and how long.

    Raises:
        UserError: what `index.search` raises.
    """
    of_class: Dict[str, List[Candidate]] = {}
    num_hits = _HITS_PER_CANDIDATE * config.candidates
    todo = list(exemplars)
    while todo:
        wanted, owners = _queries(todo, config)
        hits = index.search(wanted, Limits(num_hits), filters)
        of_query = hits["query"].to_numpy()
        left: List[ClassExemplars] = []
        for one in todo:
            lists = [hits.filter(pa.array(of_query == query)) for query, owner in enumerate(owners) if owner is one]
            joined, is_whole = _joined(lists, num_hits)
            found = _candidates(one, joined, model_id, config)
            if is_whole or len(found) >= config.candidates:
                of_class[one.label] = found[: config.candidates]
            else:
                left.append(one)
        todo, num_hits = left, _GROWTH * num_hits
    return [candidate for one in exemplars for candidate in of_class[one.label]]


def write(path: str, candidates: Sequence[Candidate]) -> None:
    """Writes candidates as questions (`store.questions`), whose score is the distance.

    Args:
        path: a table, or Parquet where the name ends in .parquet.
        candidates: in the order in which they are to be rated.
    """
    labels, clip_ids = (np.array([one[column] for one in candidates], object) for column in (0, 1))
    starts, ends = (np.array([one[column] for one in candidates], np.float64) for column in (2, 3))
    scores = np.array([round(one.distance, 6) for one in candidates], np.float64)
    sources = np.array([questions.MINED] * len(candidates), object)
    details = [one.details for one in candidates]
    questions.write(path, Questions(clip_ids, starts, ends, labels, scores, sources, details))


def _queries(exemplars: Sequence[ClassExemplars], config: MiningConfig) -> Tuple[List[Wanted], List[ClassExemplars]]:
    """A query for each cluster, and the class of each."""
    wanted: List[Wanted] = []
    owners: List[ClassExemplars] = []
    for one in exemplars:
        spans = [_padded_span(segment, config.candidate_seconds) for segment in one.segments]
        for windows in one.clusters:
            wanted.append(Wanted(SCORINGS[config.exemplar.scoring](windows.vectors), spans))
            owners.append(one)
    return wanted, owners


def _padded_span(segment: Segment, seconds: float) -> Span:
    """A segment as long as a candidate at least."""
    if np.isnan(segment.start_seconds):
        return Span(segment.clip_id)
    more = max(0.0, seconds - (segment.end_seconds - segment.start_seconds)) / 2
    return Span(segment.clip_id, segment.start_seconds - more, segment.end_seconds + more)


def _joined(lists: Sequence[pa.Table], num_hits: int) -> Tuple[pa.Table, bool]:
    """The hits of several clusters, best first, and whether these are all that there are.

    A list that was cut may lack hits that score no more than its last one: of the others only higher ones count.
    """
    cut = [one["score"][-1].as_py() for one in lists if one.num_rows == num_hits]
    numbers = (pa.array([number] * one.num_rows, pa.int64()) for number, one in enumerate(lists))
    numbered = [one.append_column("cluster", of_list) for one, of_list in zip(lists, numbers)]
    order = [("score", "descending"), ("clip_id", "ascending"), (START, "ascending"), ("cluster", "ascending")]
    joined = pa.concat_tables(numbered).sort_by(order)
    if cut:
        joined = joined.filter(pa.array(joined["score"].to_numpy() > max(cut)))
    return joined, not cut


def _candidates(exemplars: ClassExemplars, hits: pa.Table, model_id: str, config: MiningConfig) -> List[Candidate]:
    """Hits, best first, as candidates; neighbours of one event are one."""
    taken: Dict[str, List[Tuple[float, float]]] = {}  # clip -> intervals
    num_of_recording: Dict[str, int] = {}
    found: List[Candidate] = []
    for hit in hits.to_pylist():
        middle = hit[START] + min(hit[HOP], config.candidate_seconds) / 2
        if any(start <= middle <= end for start, end in taken.get(hit["clip_id"], ())):
            continue
        num_before = num_of_recording.get(hit["recording_id"], 0)
        if config.max_per_recording and num_before == config.max_per_recording:
            continue
        num_of_recording[hit["recording_id"]] = num_before + 1
        windows = exemplars.clusters[hit["cluster"]]
        nearest = hit["nearest"]
        details = {
            "window_start_seconds": round(hit[START], 3),
            "cluster": hit["cluster"],
            "exemplar": windows.clip_ids[nearest],
            "exemplar_start_seconds": round(float(windows.start_seconds[nearest]), 3),
            "scoring": config.exemplar.scoring,
            "model": model_id,
        }
        start, end = padded(middle, hit[END], config.candidate_seconds)
        taken.setdefault(hit["clip_id"], []).append((-np.inf, np.inf) if np.isnan(start) else (start, end))
        found.append(Candidate(exemplars.label, hit["clip_id"], start, end, -hit["score"], details))
    return found


def padded(middle_seconds: float, clip_end_seconds: float, seconds: float) -> Tuple[float, float]:
    """An interval of a length around a time, moved into its clip; NaN: the whole clip, which is no longer."""
    if not seconds < clip_end_seconds < np.inf:
        return np.nan, np.nan
    start = min(max(0.0, middle_seconds - seconds / 2), clip_end_seconds - seconds)
    return round(start, 3), round(start + seconds, 3)
