"""The windows that an index holds: their clips, recordings and times, without their vectors.

Shapes: R windows (rows), n clips.
"""

import dataclasses
import functools
from typing import Dict, Iterable, NamedTuple, Sequence, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audioset_triplet.search import stored_windows

# Of a clip, in the types of `store.window_parts`; and of a window.
CLIP_COLUMNS = ("clip_id", "recording_id", "fold", "labels", "label_names")
START = "window_start_seconds"
COLUMNS = (*CLIP_COLUMNS, START)
# Of the clip of a window: from the start of a window to that of the next, and where the last window ends, as far as
# the hop says; infinite where there is one window only.
HOP, END = "hop_seconds", "clip_end_seconds"


class Span(NamedTuple):
    """The windows of a clip that start from `start_seconds` on and before `end_seconds`."""

    clip_id: str
    start_seconds: float = -np.inf
    end_seconds: float = np.inf


class Filters(NamedTuple):
    """Which clips are searched."""

    folds: Tuple[int, ...] = ()  # empty: all
    folders: Tuple[str, ...] = ()  # with which clip ids begin, up to a slash; empty: all
    excluded: Tuple[str, ...] = ()  # ids of clips and of recordings

    def __bool__(self) -> bool:
        return any(self)


@dataclasses.dataclass(frozen=True)
class Windows:
    """R windows of n clips; those of a clip are successive rows."""

    clips: pa.Table  # [n], CLIP_COLUMNS
    first_rows: np.ndarray  # [n + 1] int64: of each clip, and R
    start_seconds: np.ndarray  # [R] float32

    def __len__(self) -> int:
        return len(self.start_seconds)

    def clip_of(self, rows: np.ndarray) -> np.ndarray:
        """The clips of some rows, as indices."""
        return np.searchsorted(self.first_rows, rows, side="right") - 1

    @functools.cached_property
    def clip_ranks(self) -> np.ndarray:
        """[n] the place of each clip in the order of their ids, by which equal hits are sorted."""
        ranks = np.empty(self.clips.num_rows, np.int64)
        ranks[pc.sort_indices(self.clips["clip_id"]).to_numpy()] = np.arange(len(ranks))
        return ranks

    @functools.cached_property
    def recordings(self) -> np.ndarray:
        """[n] a number for the recording of each clip."""
        return numbered(self.clips["recording_id"])

    def are_searched(self, filters: Filters) -> np.ndarray:
        """[R] bool: which windows the filters leave."""
        clip_ids, recording_ids = self.clips["clip_id"], self.clips["recording_id"]
        searched = np.ones(self.clips.num_rows, bool)
        if filters.folds:
            searched &= np.isin(self.clips["fold"].to_numpy(), filters.folds)
        if filters.folders:
            prefixes = [folder.rstrip("/") + "/" for folder in filters.folders]
            searched &= np.any([_bools(pc.starts_with(clip_ids, prefix)) for prefix in prefixes], axis=0)
        if filters.excluded:
            ids = pa.array(filters.excluded, pa.string())
            searched &= ~(_bools(pc.is_in(clip_ids, ids)) | _bools(pc.is_in(recording_ids, ids)))
        return np.repeat(searched, np.diff(self.first_rows))

    def rows_of(self, spans: Sequence[Span]) -> np.ndarray:
        """The rows of some spans, ascending; a clip that is not here has none."""
        rows = [np.zeros(0, np.int64)]
        ids = pa.array([span.clip_id for span in spans], pa.string())
        places = np.flatnonzero(_bools(pc.is_in(self.clips["clip_id"], ids))) if spans else rows[0]
        clips: Dict[str, int] = dict(
            zip(self.clips["clip_id"].take(pa.array(places, pa.int64())).to_pylist(), places.tolist())
        )
        for span in spans:
            clip = clips.get(span.clip_id)
            if clip is not None:
                of_clip = np.arange(self.first_rows[clip], self.first_rows[clip + 1])
                starts = self.start_seconds[of_clip]
                rows.append(of_clip[(starts >= span.start_seconds) & (starts < span.end_seconds)])
        return np.unique(np.concatenate(rows))

    def take(self, rows: np.ndarray) -> pa.Table:
        """Some rows as a table of COLUMNS, HOP and END."""
        clips = self.clip_of(rows)
        starts = [self.start_seconds[self.first_rows[clip] : self.first_rows[clip + 1]] for clip in clips]
        hops = np.array([stored_windows.hop_seconds(of_clip) for of_clip in starts], np.float32)
        ends = np.array([of_clip.max() for of_clip in starts], np.float32) + hops
        table = self.clips.take(pa.array(clips, pa.int64()))
        for name, values in ((START, self.start_seconds[rows]), (HOP, hops), (END, ends)):
            table = table.append_column(name, pa.array(values, pa.float32()))
        return table


def of_table(rows: pa.Table) -> Windows:
    """The windows in a table with COLUMNS, in which the rows of a clip are together."""
    clip_ids = rows["clip_id"].combine_chunks()
    begins = np.ones(len(clip_ids), bool)
    begins[1:] = _bools(pc.not_equal(clip_ids[1:], clip_ids[:-1]))
    firsts = np.flatnonzero(begins)
    clips = rows.select(list(CLIP_COLUMNS)).take(pa.array(firsts, pa.int64())).combine_chunks()
    return Windows(clips, np.append(firsts, len(clip_ids)), rows[START].to_numpy())


def of_batches(batches: Iterable[pa.RecordBatch]) -> Windows:
    """The windows of the batches of a part."""
    return of_table(pa.Table.from_batches(batch.select(list(COLUMNS)) for batch in batches))


def numbered(texts: pa.ChunkedArray) -> np.ndarray:
    """An int64 for each text, the same for equal ones."""
    return texts.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)


def ranks_within(groups: np.ndarray) -> np.ndarray:
    """0, 1, ... for the items of each group, in their order."""
    order = np.argsort(groups, kind="stable")
    positions = np.arange(len(groups))
    begins = np.ones(len(groups), bool)
    begins[1:] = np.diff(groups[order]) != 0
    ranks = np.empty(len(groups), np.int64)
    ranks[order] = positions - np.maximum.accumulate(np.where(begins, positions, 0))
    return ranks


def _bools(array: pa.Array) -> np.ndarray:
    return array.to_numpy(zero_copy_only=False) if isinstance(array, pa.Array) else array.to_numpy()
