"""Stored vectors to train on, in another order on every pass.

All vectors are in memory, or in a temporary file that is mapped where they are too many. Each pass has every vector
once. Two orders, both the same for a seed:

* `rows_of_batch`: a permutation of all vectors. Batches run on from pass to pass, and any of them is known without
  those before it, as a resumed run needs it. A mapped file is read at random.
* `batches`: the parts of a store in a random order through a buffer, shuffled in the buffer. A mapped file is read in
  long pieces.

Shapes: N vectors, D their size, B rows of a batch.
"""

import tempfile
from typing import Iterable, Iterator, List, Sequence, Tuple

import numpy as np

from audioset_triplet.errors import UserError

_FLOAT_BYTES = 4


class ShuffledVectors:
    """N vectors with a number for each.

    Attributes:
        keys: int64 [N], as given: to which clip a vector belongs.
        vectors: float32 [N, D].
    """

    def __init__(self, blocks: Iterable[Tuple[np.ndarray, np.ndarray]], size: int, in_memory_bytes: int) -> None:
        """Reads all blocks.

        Args:
            blocks: keys [r] and vectors [r, D] of successive rows.
            size: D.
            in_memory_bytes: of vectors; more are mapped from a file without a name, which ends with the process.

        Raises:
            UserError: the temporary file cannot be written.
        """
        self._buffer_rows = max(1, in_memory_bytes // (_FLOAT_BYTES * size))
        self._order = (-1, np.empty(0, np.int64))  # the latest pass, and its order
        keys: List[np.ndarray] = [np.empty(0, np.int64)]
        try:
            with tempfile.TemporaryFile() as file:
                for block_keys, block in blocks:
                    np.ascontiguousarray(block, np.float32).tofile(file)
                    keys.append(block_keys)
                self.keys = np.concatenate(keys)
                file.flush()
                self.vectors: np.ndarray = np.empty([0, size], np.float32)
                if len(self.keys):
                    self.vectors = np.memmap(file, np.float32, "r", shape=(len(self.keys), size))
        except OSError as error:
            raise UserError(f"{tempfile.gettempdir()}: cannot hold the embeddings ({error}): set TMPDIR.") from error
        if len(self.keys) <= self._buffer_rows:
            self.vectors = np.array(self.vectors)

    def mean_and_variance(self) -> Tuple[np.ndarray, np.ndarray]:
        """Mean and variance, float32 [D] each, over all vectors."""
        size = self.vectors.shape[1]
        sums, squares = np.zeros(size), np.zeros(size)
        for first in range(0, len(self.vectors), self._buffer_rows):
            block = self.vectors[first : first + self._buffer_rows]
            sums += block.sum(axis=0, dtype=np.float64)
            squares += np.square(block, dtype=np.float64).sum(axis=0)
        mean = sums / len(self.vectors)
        return mean.astype(np.float32), np.maximum(squares / len(self.vectors) - mean**2, 1e-12).astype(np.float32)

    def rows_of_batch(self, step: int, batch_size: int, seed: int) -> np.ndarray:
        """The rows [B] of the batch of a step, counted from 0: successive rows of an endless list of passes."""
        positions = np.arange(step * batch_size, (step + 1) * batch_size)
        passes = positions // len(self.keys)
        return np.concatenate(
            [self._order_of(which, seed)[positions[passes == which] % len(self.keys)] for which in np.unique(passes)]
        )

    def _order_of(self, which: int, seed: int) -> np.ndarray:
        """The order of all rows in a pass, [N]."""
        if self._order[0] != which:
            self._order = (which, np.random.default_rng([seed, which]).permutation(len(self.keys)))
        return self._order[1]

    def batches(self, batch_size: int, seed: int, part_sizes: Sequence[int]) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
        """Batches without end: keys [B] and vectors [B, D]; the last of a buffer has fewer rows.

        Args:
            batch_size: B.
            seed: of the order.
            part_sizes: how many successive rows each part has. Vectors that are all in memory are one part.
        """
        random = np.random.default_rng(seed)
        while True:
            for rows in self._fillings(random, part_sizes):
                keys, vectors = self.keys[rows], self.vectors[rows]
                order = random.permutation(len(keys))
                for first in range(0, len(order), batch_size):
                    drawn = order[first : first + batch_size]
                    yield keys[drawn], vectors[drawn]

    def _fillings(self, random: np.random.Generator, part_sizes: Sequence[int]) -> Iterator[np.ndarray]:
        """The rows that a buffer holds, one filling of it after another, of one pass."""
        if len(self.keys) <= self._buffer_rows:
            yield np.arange(len(self.keys))
            return
        ends = np.cumsum(part_sizes)
        parts = random.permutation(len(ends))
        rows = np.concatenate([np.arange(ends[part] - part_sizes[part], ends[part]) for part in parts])
        for first in range(0, len(rows), self._buffer_rows):
            yield rows[first : first + self._buffer_rows]
