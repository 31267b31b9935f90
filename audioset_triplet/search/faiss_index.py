"""Search with FAISS, in memory: `pip install -e ".[faiss]"`.

FAISS ranks by products in float32, without limits for recordings, and breaks ties as it finds them. So it is asked for
more and more windows, until none of the others can be among the hits: the hits of its flat index are those of the
store. Where its ranks say too little, as for exemplars that are unlike each other, its vectors are gone through
instead. Its 8-bit index has a range of its own for each number of the vectors; hits are exact for the vectors that it
holds.

Shapes: R windows, D embedding size, F directions of a query.
"""

from typing import Any, List, Optional, Sequence

import numpy as np
import pyarrow as pa

from audioset_triplet.config.search import FAISS_8BIT
from audioset_triplet.errors import UserError
from audioset_triplet.search import index as indices
from audioset_triplet.search import windows as window_tables
from audioset_triplet.search.best import Best, Block, Limits, Wanted, offer_to_all
from audioset_triplet.search.windows import Filters, Windows
from audioset_triplet.store import embedding_parts, embeddings
from audioset_triplet.store.embedding_parts import StoreInfo

_FACTORY = {False: "Flat", True: "SQ8"}
_GROWTH = 4  # from one number of asked windows to the next
_MOST_ASKED = 1 << 16
_BLOCK_NUMBERS = 1 << 20  # of the vectors that are gone through at once


class FaissIndex:
    """The windows of a store in memory; an `index.Index`."""

    def __init__(self, folder: str, kind: str) -> None:
        """All windows of a store; `kind`: config.search.FAISS_FLAT or FAISS_8BIT.

        Raises:
            UserError: FAISS is not installed; what `embeddings.part_batches` raises.
        """
        self._faiss = _library()
        size = embeddings.read_info(folder).embedding_size
        self._index = self._faiss.index_factory(size, _FACTORY[kind == FAISS_8BIT], self._faiss.METRIC_INNER_PRODUCT)
        tables: List[pa.Table] = []
        for path in embedding_parts.part_paths(folder):
            for batch in embeddings.part_batches(path, (), [*window_tables.COLUMNS, StoreInfo.COLUMN]):
                vectors = np.ascontiguousarray(embedding_parts.matrix(batch))
                if not self._index.is_trained:
                    self._index.train(vectors)  # the range of each number, of the first block
                self._index.add(vectors)
                tables.append(pa.Table.from_batches([batch.select(list(window_tables.COLUMNS))]))
        if not tables:
            raise UserError(f"{folder}: holds no window.")
        self.windows: Windows = window_tables.of_table(pa.concat_tables(tables))

    def search(self, wanted: Sequence[Wanted], limits: Limits, filters: Filters) -> pa.Table:
        """As `index.Index.search`."""
        searched = self.windows.are_searched(filters)
        return indices.hits_of([self._best(one, limits, searched) for one in wanted], self.windows)

    def _best(self, wanted: Wanted, limits: Limits, searched: np.ndarray) -> Best:
        searched = searched.copy()
        searched[self.windows.rows_of(wanted.left_out)] = False
        ranked = self._ranked(wanted, limits, searched)
        return self._scanned(wanted, limits, searched) if ranked is None else ranked

    def _ranked(self, wanted: Wanted, limits: Limits, searched: np.ndarray) -> Optional[Best]:
        """By FAISS's ranks; None: they would have to be followed too far."""
        num_searched = int(searched.sum())
        selected = self._faiss.IDSelectorBitmap(np.packbits(searched, bitorder="little"))
        selection = self._faiss.SearchParameters(sel=selected)
        directions = np.ascontiguousarray(wanted.scoring.directions)
        best = Best(wanted, self.windows, limits)
        num_asked = min(limits.top, num_searched)
        while num_asked:
            if num_asked > _MOST_ASKED:
                return None
            products, rows = self._index.search(directions, num_asked, params=selection)
            best = Best(wanted, self.windows, limits)
            asked = np.unique(rows)
            best.add(asked, self._index.reconstruct_batch(asked))
            others_score_at_most = wanted.scoring.bounds(products[:, -1][None])[0]
            if num_asked == num_searched or others_score_at_most < best.threshold:
                break
            num_asked = min(_GROWTH * num_asked, num_searched)
        return best

    def _scanned(self, wanted: Wanted, limits: Limits, searched: np.ndarray) -> Best:
        best, size = Best(wanted, self.windows, limits), max(1, _BLOCK_NUMBERS // self._index.d)
        for start in range(0, len(searched), size):
            rows = slice(start, min(start + size, len(searched)))
            block = Block(start, self._index.reconstruct_n(start, rows.stop - start))
            offer_to_all([best], block, searched[rows])
        return best


def _library() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise UserError('--index: FAISS is not installed: pip install "audioset-triplet[faiss]"') from error
    return faiss
