"""Exemplar segments of a class -> the windows in them that the class is heard in, in clusters.

"Exemplar mining" of Saurous et al. 2017, "AudioSet: Real-world Audio Event Classification": the frames of a few
segments are clustered; those of clusters that several segments share are searched for. What one segment alone has, such
as its background, is not what makes the class.

    near      Two windows are near if their distance is within a quantile (`near_share`) of the distances between an
              exemplar window and windows drawn at random; the median over exemplar windows, so that silence among them
              does not decide. It is in the units of the model, whatever its distances look like.
    common    A window that is near to more than `common_share` of the windows drawn at random says little: silence and
              steady background are shared by all segments. Such windows are left out, but for the least common one
              of each segment. The talk has no such rule.
    clusters  Average linkage: two clusters join while the average distance of their windows is near. Of some dozens of
              windows all distances are known, no number of clusters is asked for, and there is no random start: the
              entropy clustering and k-means of this project need a number of clusters and thousands of windows.
    shared    Clusters with windows of at least two segments. Of a single segment all clusters count. Where several
              segments share none, windows join further, until the first cluster is shared: it is then the most that
              they have in common.

Shapes: F exemplar windows, S windows drawn at random, D embedding size.
"""

import dataclasses
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
from scipy.cluster import hierarchy

from audioset_triplet.config.search import ExemplarConfig
from audioset_triplet.errors import UserError
from audioset_triplet.plurals import counted
from audioset_triplet.search import stored_windows
from audioset_triplet.search.scorings import MeanDistance
from audioset_triplet.search.stored_windows import StoredWindows
from audioset_triplet.store import intervals

MIN_SEGMENTS = 2  # that share a cluster
_MOST_WINDOWS = 5000  # half an hour of exemplars; all of their distances are in memory


class Segment(NamedTuple):
    """A part of a clip in which a class is heard; times that are NaN: the whole clip."""

    clip_id: str
    start_seconds: float
    end_seconds: float


@dataclasses.dataclass(frozen=True)
class ExemplarWindows:
    """F windows of the segments of a class."""

    segments: np.ndarray  # [F] int: which segment each is in
    clip_ids: np.ndarray  # [F] str objects
    start_seconds: np.ndarray  # [F] float32
    vectors: np.ndarray  # [F, D]

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, positions: np.ndarray) -> "ExemplarWindows":
        """Some of them."""
        return ExemplarWindows(*(getattr(self, field.name)[positions] for field in dataclasses.fields(self)))


@dataclasses.dataclass(frozen=True)
class ClassExemplars:
    """What is searched for of a class."""

    label: str
    segments: Sequence[Segment]
    clusters: Sequence[ExemplarWindows]  # those that are searched for, by their first window
    num_windows: int  # of the segments
    num_common: int  # of these, that are left out
    num_clusters: int  # of the others


def read(path: str) -> Dict[str, List[Segment]]:
    """Class -> its segments, each once, of a table or a Parquet file (`store.intervals`).

    Raises:
        UserError: what `intervals.read` raises.
    """
    rows = intervals.read(path, whole_clips=True).intervals
    of_class: Dict[str, Dict[str, Segment]] = {}
    for label, *segment in zip(rows.labels, rows.clip_ids, rows.start_seconds.tolist(), rows.end_seconds.tolist()):
        of_class.setdefault(label, {})[repr(segment)] = Segment(*segment)  # NaN equals nothing
    return {label: list(segments.values()) for label, segments in of_class.items()}


def find(
    of_class: Dict[str, List[Segment]], folder: str, drawn: np.ndarray, config: ExemplarConfig
) -> List[ClassExemplars]:
    """The clusters that are searched for, of each class.

    Args:
        of_class: the segments of each class.
        folder: the store.
        drawn: windows drawn at random [S, D].
        config: what is near and what is common.

    Raises:
        UserError: a segment of no clip of the store, or of no window.
    """
    clips = stored_windows.of_clips(folder, [segment.clip_id for segments in of_class.values() for segment in segments])
    found: List[ClassExemplars] = []
    for label, segments in of_class.items():
        windows = _windows_of(segments, clips, folder)
        if len(windows) > _MOST_WINDOWS:
            raise UserError(f"{label}: its exemplars have {len(windows):,} windows: give a few segments, with times.")
        near, shares = nearness(windows.vectors, drawn, config.near_share)
        distinctive = windows.take(_distinctive(windows.segments, shares, config.common_share))
        numbers = shared_clusters(distinctive, near, min(MIN_SEGMENTS, len(segments)))
        clusters = [distinctive.take(np.flatnonzero(numbers == number)) for number in range(numbers.max() + 1)]
        shared = [one for one in clusters if len(np.unique(one.segments)) >= min(MIN_SEGMENTS, len(segments))]
        common = len(windows) - len(distinctive)
        found.append(ClassExemplars(label, segments, shared, len(windows), common, len(clusters)))
    return found


def describe(exemplars: ClassExemplars) -> str:
    """What was made of the segments of a class, in a line."""
    segments, windows = counted(len(exemplars.segments), "segment"), counted(exemplars.num_windows, "window")
    clusters, num_searched = counted(exemplars.num_clusters, "cluster"), sum(map(len, exemplars.clusters))
    return (
        f"{exemplars.label}: {segments} with {windows}, {exemplars.num_common} of them common; "
        f"searched for: {len(exemplars.clusters)} of {clusters}, with {counted(num_searched, 'window')}"
    )


def nearness(vectors: np.ndarray, drawn: np.ndarray, near_share: float) -> Tuple[float, np.ndarray]:
    """The distance up to which windows are near, and the share of the drawn windows that is near to each, [F]."""
    distances = MeanDistance(drawn).distances(vectors)  # [F, S]
    near = float(np.median(np.quantile(distances, near_share, axis=1)))
    return near, (distances <= near).mean(axis=1)


def _distinctive(segments: np.ndarray, shares: np.ndarray, common_share: float) -> np.ndarray:
    """The positions of the windows [F] that are not common, and of the least common one of each segment."""
    order = np.lexsort([shares, segments])
    _, firsts = np.unique(segments[order], return_index=True)
    return np.union1d(np.flatnonzero(shares <= common_share), order[firsts])


def shared_clusters(windows: ExemplarWindows, near: float, num_segments: int) -> np.ndarray:
    """[F] int: the cluster of each window, numbered by their first one.

    Args:
        windows: F, of at least `num_segments` segments.
        near: the average distance up to which clusters join.
        num_segments: where no cluster has windows of so many segments, clusters join further, until one has.
    """
    if len(windows) == 1:
        return np.zeros(1, np.int64)
    tree = hierarchy.linkage(windows.vectors.astype(np.float64), method="average")
    distance = max(near, _first_shared(tree, windows.segments, num_segments))
    numbers = hierarchy.fcluster(tree, distance, criterion="distance")
    _, firsts, numbers = np.unique(numbers, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(firsts))[numbers]


def _first_shared(tree: np.ndarray, segments: np.ndarray, num_segments: int) -> float:
    """The distance at which the first cluster of a linkage has windows of so many segments."""
    members = [{segment} for segment in segments.tolist()]
    if num_segments == 1:
        return 0.0
    for first, second, distance, _ in tree.tolist():  # a line for each two that join, nearest first
        members.append(members[int(first)] | members[int(second)])
        if len(members[-1]) >= num_segments:
            return distance
    raise ValueError(f"windows of {len(members[-1])} segments have no cluster of {num_segments}")


def windows_in(start_seconds: np.ndarray, segment: Segment) -> np.ndarray:
    """The positions of the windows of a clip that a segment is heard in, from their starts.

    A window counts from its start to that of the next. It is in a segment if half of it is, or if half of the segment
    is in it.
    """
    if np.isnan(segment.start_seconds) or len(start_seconds) == 1:
        return np.arange(len(start_seconds))
    hop = stored_windows.hop_seconds(start_seconds)
    ends = np.minimum(start_seconds + hop, segment.end_seconds)
    overlaps = ends - np.maximum(start_seconds, segment.start_seconds)
    needed = min(hop, segment.end_seconds - segment.start_seconds) / 2
    return np.flatnonzero((overlaps > 0) & (overlaps >= needed - 1e-3))


def windows_of(segments: Sequence[Segment], folder: str) -> ExemplarWindows:
    """All windows of the segments of a class, common or not; raises what `find` raises."""
    return _windows_of(segments, stored_windows.of_clips(folder, [segment.clip_id for segment in segments]), folder)


def _windows_of(segments: Sequence[Segment], clips: Dict[str, StoredWindows], folder: str) -> ExemplarWindows:
    pieces: List[ExemplarWindows] = []
    for number, segment in enumerate(segments):
        if segment.clip_id not in clips:
            raise UserError(
                f"exemplar {segment.clip_id}: {folder} has no clip of this name; ids are paths below the --input of "
                "experiments.embed, such as rain/a.wav."
            )
        of_clip = clips[segment.clip_id]
        positions = windows_in(of_clip.start_seconds, segment)
        if not len(positions):
            raise UserError(
                f"exemplar {segment.clip_id}, {segment.start_seconds:g} to {segment.end_seconds:g} s: holds no window "
                f"of the clip, whose last one starts at {of_clip.start_seconds.max():g} s."
            )
        ids = np.full(len(positions), segment.clip_id, object)
        starts, vectors = of_clip.start_seconds[positions], of_clip.vectors[positions]
        pieces.append(ExemplarWindows(np.full(len(positions), number), ids, starts, vectors))
    columns = ([getattr(one, field.name) for one in pieces] for field in dataclasses.fields(ExemplarWindows))
    return ExemplarWindows(*map(np.concatenate, columns))
