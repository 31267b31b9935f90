"""What searches: the interface of all indices, and their hits as a table.

    store_index.StoreIndex      the Parquet parts of a store, block by block, on any runner
    compact_index.CompactIndex  a copy with a byte for each number, block by block, on all cores
    faiss_index.FaissIndex      FAISS, in memory
    memory_index.MemoryIndex    small stores together, in memory

All are exact for the vectors that they hold: those of the store, but for the compact copy and FAISS's 8-bit index.
"""

from typing import List, Protocol, Sequence

import numpy as np
import pyarrow as pa

from audioset_triplet.search import windows as window_tables
from audioset_triplet.search.best import Best, Limits, Wanted
from audioset_triplet.search.windows import END, HOP, START, Filters, Windows

SCHEMA = pa.schema(
    [
        ("query", pa.int32()),  # index
        ("clip_id", pa.string()),
        ("recording_id", pa.string()),
        ("fold", pa.int64()),
        ("labels", pa.list_(pa.int64())),
        ("label_names", pa.list_(pa.string())),
        (START, pa.float32()),
        (HOP, pa.float32()),
        (END, pa.float32()),
        ("score", pa.float32()),
        ("nearest", pa.int64()),  # of the vectors of the query
    ]
)
_ORDER = [("query", "ascending"), ("score", "descending"), ("clip_id", "ascending"), (START, "ascending")]


class Index(Protocol):
    """Windows that can be searched."""

    def search(self, wanted: Sequence[Wanted], limits: Limits, filters: Filters) -> pa.Table:
        """The hits of some queries: rows by query and rank, in the columns of SCHEMA.

        Equal scores are in the order of clip id and start.

        Raises:
            UserError: damage.
        """
        ...


def hits_of(bests: Sequence[Best], windows: Windows) -> pa.Table:
    """The best windows of several queries as a table."""
    tables: List[pa.Table] = [SCHEMA.empty_table()]
    for index, best in enumerate(bests):
        rows = windows.take(best.rows)
        columns = [np.full(len(best.rows), index, np.int32), *(rows[name] for name in rows.column_names)]
        tables.append(pa.table([*columns, best.scores, best.nearest], schema=SCHEMA))
    return pa.concat_tables(tables)


def merged(tables: Sequence[pa.Table], limits: Limits) -> pa.Table:
    """The hits of several parts of one index, which share no recording's clip, as those of the whole."""
    hits = pa.concat_tables(tables).sort_by(_ORDER).combine_chunks()
    if limits.max_per_recording and hits.num_rows:
        recordings = window_tables.numbered(hits["recording_id"])
        groups = hits["query"].to_numpy() * (1 + recordings.max()) + recordings
        hits = hits.filter(pa.array(window_tables.ranks_within(groups) < limits.max_per_recording))
    return hits.filter(pa.array(window_tables.ranks_within(hits["query"].to_numpy()) < limits.top))
