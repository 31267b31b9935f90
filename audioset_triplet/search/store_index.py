"""Search of the Parquet parts of a store, block by block, on any runner.

Each part gives its best windows; these are merged.
"""

import functools
import hashlib
import os
from typing import BinaryIO, Iterator, Sequence

import pyarrow as pa

from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.jobs import passes
from audioset_triplet.jobs.passes import Where
from audioset_triplet.search import best as running
from audioset_triplet.search import index as indices
from audioset_triplet.search import windows as window_tables
from audioset_triplet.search.best import Best, Block, Limits, Wanted
from audioset_triplet.search.windows import Filters
from audioset_triplet.store import embedding_parts, embeddings, parquet
from audioset_triplet.store.embedding_parts import StoreInfo

_RESULTS = "_searching"  # folder in the output, while the work goes on


class StoreIndex:
    """The windows of a store; an `index.Index`.

    A search that was stopped goes on with the parts that are left when the same one runs again.
    """

    def __init__(self, folder: str, where: Where) -> None:
        """`folder`: the store; `where`: the search runs (`at`)."""
        embeddings.read_info(folder)
        self._folder, self._where = folder, where

    def search(self, wanted: Sequence[Wanted], limits: Limits, filters: Filters) -> pa.Table:
        """As `index.Index.search`."""
        settings = {"queries": _digest(wanted), "limits": list(limits), "filters": list(map(list, filters))}
        write_hits = functools.partial(_write_hits, wanted=wanted, limits=limits, filters=filters)
        paths = embedding_parts.part_paths(self._folder)
        hits = indices.SCHEMA.empty_table()
        with passes.results(paths, settings, write_hits, self._where) as results:
            for result in results:
                hits = indices.merged([hits, parquet.read(result)], limits)
        return hits


def at(output: str, runner: RunnerConfig, beam_options: Sequence[str] = ()) -> Where:
    """Where the hits of an output are searched for."""
    return Where(os.path.join(output, _RESULTS), runner, beam_options)


def blocks(path: str) -> Iterator[Block]:
    """The windows of a part."""
    first_row = 0
    for batch in embeddings.part_batches(path, (), [StoreInfo.COLUMN]):
        yield Block(first_row, embedding_parts.matrix(batch))
        first_row += batch.num_rows


def _write_hits(path: str, file: BinaryIO, wanted: Sequence[Wanted], limits: Limits, filters: Filters) -> None:
    """The best windows of one part."""
    batches = list(embeddings.part_batches(path, (), window_tables.COLUMNS))
    hits = indices.SCHEMA.empty_table()
    if batches:
        windows = window_tables.of_batches(batches)
        searched = windows.are_searched(filters)
        bests = [Best(one, windows, limits) for one in wanted]
        for block in blocks(path) if searched.any() else ():
            running.offer_to_all(bests, block, searched[block.first_row :][: len(block.values)])
        hits = indices.hits_of(bests, windows)
    parquet.write(hits, file)


def _digest(wanted: Sequence[Wanted]) -> str:
    """Of everything that the hits of some queries depend on."""
    digest = hashlib.sha256()
    for one in wanted:
        vectors = one.scoring.vectors
        about = (type(one.scoring).__name__, vectors.shape, [tuple(span) for span in one.left_out])
        digest.update(repr(about).encode("utf-8", "surrogatepass") + vectors.tobytes())
    return digest.hexdigest()
