"""Exact search in blocks: the windows of a store that are most similar to some vectors, best first.

Each part of the store gives its best windows; these are merged. The order is that of the cosine, as float32, then of
clip id and start, so it does not depend on how the store is divided or where the search runs.

Shapes: Q queries, R windows, D embedding size.
"""

import functools
import hashlib
import os
from typing import BinaryIO, Sequence

import numpy as np
import pyarrow as pa

from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.jobs import passes
from audioset_triplet.jobs.passes import Where
from audioset_triplet.search.queries import Query
from audioset_triplet.store import embedding_parts, embeddings, parquet

_RESULTS = "_searching"  # folder in the output, while the work goes on
_SCHEMA = pa.schema(
    [
        ("query", pa.int32()),  # index
        ("clip_id", pa.string()),
        ("window_start_seconds", pa.float32()),
        ("cosine", pa.float32()),
        ("labels", pa.list_(pa.int64())),
        ("label_names", pa.list_(pa.string())),
    ]
)
_ORDER = [
    (name, "descending" if name == "cosine" else "ascending") for name in ("query", "cosine", *_SCHEMA.names[1:3])
]


def search(queries: Sequence[Query], folder: str, top: int, where: Where) -> pa.Table:
    """The best windows of a store for each query, without those of the query's own clip.

    Args:
        queries: what is searched for.
        folder: the store.
        top: the most hits of a query.
        where: it runs (`at`).

    Returns:
        Rows by query and rank: query (its index), rank (from 1), clip_id, window_start_seconds, cosine, labels,
        label_names.

    Raises:
        UserError: what `embeddings.read_info` and `passes.results` raise.
    """
    embeddings.read_info(folder)
    vectors = np.stack([query.vector for query in queries])
    own = [query.clip_id for query in queries]
    digest = hashlib.sha256(repr(own).encode("utf-8", "surrogatepass") + vectors.tobytes()).hexdigest()
    write_result = functools.partial(_write_result, vectors=vectors, own=own, top=top)
    paths = embedding_parts.part_paths(folder)
    with passes.results(paths, {"queries": digest, "top": top}, write_result, where) as results:
        best = _SCHEMA.empty_table()
        for result in results:
            best = _best(pa.concat_tables([best, parquet.read(result)]), top)
    return best.add_column(1, "rank", pa.array(_ranks(best["query"].to_numpy()), pa.int32()))


def at(output: str, runner: RunnerConfig, beam_options: Sequence[str] = ()) -> Where:
    """Where the hits of an output are searched for."""
    return Where(os.path.join(output, _RESULTS), runner, beam_options)


def _write_result(path: str, file: BinaryIO, vectors: np.ndarray, own: Sequence[str], top: int) -> None:
    """The best windows of one part, for each query."""
    columns = ["clip_id", "window_start_seconds", "embedding", "labels", "label_names"]
    best = _SCHEMA.empty_table()
    for batch in embeddings.part_batches(path, (), columns):
        # In float64, so that equal vectors have equal cosines as float32 wherever they are in a block.
        cosines = (embedding_parts.matrix(batch).astype(np.float64) @ vectors.T.astype(np.float64)).astype(np.float32)
        clip_ids = batch["clip_id"].to_numpy(zero_copy_only=False)
        tables = [best]
        for index, cosine in enumerate(cosines.T):
            rows = _candidates(np.where(clip_ids == own[index], -np.inf, cosine), top)
            found = batch.take(pa.array(rows, pa.int64()))
            columns_of_hits = [
                np.full(len(rows), index),
                found["clip_id"],
                found["window_start_seconds"],
                cosine[rows],
                found["labels"],
                found["label_names"],
            ]
            tables.append(pa.table(columns_of_hits, schema=_SCHEMA))
        best = _best(pa.concat_tables(tables), top)
    parquet.write(best, file)


def _candidates(cosine: np.ndarray, top: int) -> np.ndarray:
    """The rows of the `top` largest cosines [R], and of all that equal the last of them; -inf is no candidate."""
    if len(cosine) > top:
        least = np.partition(cosine, len(cosine) - top)[len(cosine) - top]
        return np.flatnonzero((cosine >= least) & np.isfinite(cosine))
    return np.flatnonzero(np.isfinite(cosine))


def _best(hits: pa.Table, top: int) -> pa.Table:
    """The `top` first hits of each query, in order."""
    hits = hits.sort_by(_ORDER).combine_chunks()
    return hits.filter(pa.array(_ranks(hits["query"].to_numpy()) <= top))


def _ranks(query: np.ndarray) -> np.ndarray:
    """1, 2, ... within each run of one query."""
    positions = np.arange(len(query))
    begins = np.ones(len(query), bool)
    begins[1:] = query[1:] != query[:-1]
    return positions - np.maximum.accumulate(np.where(begins, positions, 0)) + 1
