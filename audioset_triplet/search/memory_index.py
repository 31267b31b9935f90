"""Search of stores that are small enough for memory, together.

Shapes: R windows, D embedding size.
"""

from typing import List, Sequence

import numpy as np
import pyarrow as pa

from audioset_triplet.search import best as running
from audioset_triplet.search import index as indices
from audioset_triplet.search import store_index
from audioset_triplet.search import windows as window_tables
from audioset_triplet.search.best import Best, Block, Limits, Wanted
from audioset_triplet.search.windows import Filters
from audioset_triplet.store import embedding_parts, embeddings, part_info


class MemoryIndex:
    """The windows of several stores of one model, whose clip ids differ; an `index.Index`."""

    def __init__(self, folders: Sequence[str]) -> None:
        """Reads them; a UserError of other models, or damage."""
        first = embeddings.read_info(folders[0])
        tables: List[pa.Table] = []
        vectors: List[np.ndarray] = []
        for folder in folders:
            advice = "search the stores of one model together"
            part_info.check_same_model(first, folders[0], embeddings.read_info(folder), folder, advice)
            for path in embedding_parts.part_paths(folder):
                batches = embeddings.part_batches(path, (), window_tables.COLUMNS)
                tables += [pa.Table.from_batches([batch.select(list(window_tables.COLUMNS))]) for batch in batches]
                vectors += [block.values for block in store_index.blocks(path)]
        self.windows = window_tables.of_table(pa.concat_tables(tables))
        self.vectors = np.concatenate(vectors)

    def search(self, wanted: Sequence[Wanted], limits: Limits, filters: Filters) -> pa.Table:
        """As `index.Index.search`."""
        bests = [Best(one, self.windows, limits) for one in wanted]
        running.offer_to_all(bests, Block(0, self.vectors), self.windows.are_searched(filters))
        return indices.hits_of(bests, self.windows)
