"""Search of a compact copy of a store (`compact`), block by block, on all cores of this machine.

The codes are mapped into memory, so that they stay there between searches as far as there is room. Each thread takes a
range of windows, and with it a core for its products.

Shapes: R windows, D embedding size.
"""

import concurrent.futures
import copy
import mmap
import os
import threading
from typing import List, Sequence

import numpy as np
import pyarrow as pa
import threadpoolctl

from audioset_triplet.errors import UserError
from audioset_triplet.jobs import processes
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.search import best as running
from audioset_triplet.search import compact
from audioset_triplet.search import index as indices
from audioset_triplet.search.best import Best, Block, Limits, Wanted
from audioset_triplet.search.windows import Filters

_BLOCK_NUMBERS = 1 << 20  # float32 numbers of a block, 4 MiB: they stay in the caches of a core


class CompactIndex:
    """The windows of a compact copy; an `index.Index`."""

    def __init__(self, folder: str, store: str, num_threads: int = 0) -> None:
        """The copy `folder` of `store`; `num_threads`: 0 is one for each core.

        Raises:
            UserError: what `compact.read_about` raises; a damaged file.
        """
        about = compact.read_about(folder, store)
        self.windows, self._scales = compact.read_windows(folder)
        self._codes = _mapped(os.path.join(folder, compact.CODES), len(self.windows), about.embedding_size)
        self._num_threads = num_threads or processes.num_cores()

    def search(self, wanted: Sequence[Wanted], limits: Limits, filters: Filters) -> pa.Table:
        """As `index.Index.search`."""
        searched = self.windows.are_searched(filters) if filters else None
        edges = np.linspace(0, len(self.windows), self._num_threads + 1).astype(int).tolist()
        new = [Best(one, self.windows, limits) for one in wanted]
        stopped = threading.Event()
        with progress_bar(unit="windows", total=len(self.windows), unit_scale=True, leave=False) as bar:

            def best_of(first: int, end: int) -> List[Best]:
                bests = list(map(copy.copy, new))
                step = max(1, _BLOCK_NUMBERS // self._codes.shape[1])
                for start in range(first, end, step):
                    if stopped.is_set():
                        break
                    rows = slice(start, min(start + step, end))
                    block = Block(start, self._codes[rows], self._scales[rows])
                    running.offer_to_all(bests, block, None if searched is None else searched[rows])
                    bar.update(rows.stop - start)
                return bests

            with threadpoolctl.threadpool_limits(1), concurrent.futures.ThreadPoolExecutor(self._num_threads) as pool:
                try:
                    of_threads = list(pool.map(best_of, edges[:-1], edges[1:]))
                finally:
                    stopped.set()  # where a thread failed, or the user stops the program
        first, *others = of_threads
        for of_thread in others:
            for best, other in zip(first, of_thread):
                best.merge(other)
        return indices.hits_of(first, self.windows)


def _mapped(path: str, num_windows: int, size: int) -> np.ndarray:
    """The codes [R, D] of a file; a UserError where it has another size."""
    try:
        with open(path, "rb") as file:
            num_bytes = os.fstat(file.fileno()).st_size
            if num_bytes != num_windows * size:
                raise UserError(
                    f"{path}: damaged: it has {num_bytes:,} bytes, not {num_windows:,} x {size}: remove its folder to "
                    "make it anew."
                )
            if not num_bytes:
                return np.zeros((0, size), np.int8)
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as error:
        raise UserError(f"{path}: is gone: remove its folder to make it anew.") from error
    mapped.madvise(mmap.MADV_SEQUENTIAL)  # reads ahead of each thread
    return np.frombuffer(mapped, np.int8).reshape(num_windows, size)
