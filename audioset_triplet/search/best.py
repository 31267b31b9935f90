"""The best windows so far, for one query, of an index that is read block by block.

The order is that of the score, as float32, then of clip id and start: it does not depend on the blocks. The first hits
with at most m of a recording are found exactly: a window that has m better ones of its recording among those seen, or
as many better hits as are asked for, has them among all windows too.

Shapes: R windows of a block, D embedding size, F directions of a query.
"""

from typing import NamedTuple, Optional, Sequence

import numpy as np

from audioset_triplet.search import windows as window_tables
from audioset_triplet.search.scorings import Scoring
from audioset_triplet.search.windows import Span, Windows


class Wanted(NamedTuple):
    """A query: how windows score, and which are no hits."""

    scoring: Scoring
    left_out: Sequence[Span] = ()


class Limits(NamedTuple):
    """How many hits a query has."""

    top: int
    max_per_recording: int = 0  # 0: any number


class Block(NamedTuple):
    """R successive windows of an index."""

    first_row: int
    values: np.ndarray  # [R, D] float32, or int8 to be multiplied with `scales`
    scales: Optional[np.ndarray] = None  # [R] float32

    def products(self, directions: np.ndarray) -> np.ndarray:
        """[R, F] float32: with directions [F, D]."""
        products = self.values.astype(np.float32, copy=False) @ directions.T
        return products if self.scales is None else products * self.scales[:, None]

    def vectors(self, positions: np.ndarray) -> np.ndarray:
        """[len(positions), D] float32: windows at these positions of the block."""
        values = self.values[positions].astype(np.float32, copy=False)
        return values if self.scales is None else values * self.scales[positions, None]


class Best:
    """The best windows for one query among the blocks that it was offered.

    Attributes:
        rows: of the index, best first.
        scores: float32, of each.
        nearest: which of the vectors of the query is nearest to each.
    """

    def __init__(self, wanted: Wanted, windows: Windows, limits: Limits) -> None:
        self.scoring = wanted.scoring
        self.rows = np.zeros(0, np.int64)
        self.scores = np.zeros(0, np.float32)
        self.nearest = np.zeros(0, np.int64)
        self._windows, self._limits = windows, limits
        self._left_out = windows.rows_of(wanted.left_out)

    @property
    def threshold(self) -> float:
        """The score below which nothing is a hit."""
        return self.scores[-1] if len(self.scores) == self._limits.top else -np.inf

    def offer(self, block: Block, products: np.ndarray, searched: Optional[np.ndarray]) -> None:
        """Takes what is better from a block.

        Args:
            block: R windows.
            products: [R, F], with the directions of the query.
            searched: [R] bool, which windows may be hits; None: all.
        """
        bounds = self.scoring.bounds(products)
        if searched is not None:
            bounds[~searched] = -np.inf
        left_out = self._left_out - block.first_row
        bounds[left_out[(left_out >= 0) & (left_out < len(bounds))]] = -np.inf
        positions = self._promising(bounds)
        if len(positions) > 2 * self._limits.top:  # the most promising ones raise the threshold for the others
            most = positions[np.argpartition(-bounds[positions], self._limits.top)[: self._limits.top]]
            self._score(block, most)
            bounds[most] = -np.inf
            positions = self._promising(bounds)
            positions = positions[self.scoring.tighter_bounds(block.vectors(positions)) >= self.threshold]
        self._score(block, positions)

    def _promising(self, bounds: np.ndarray) -> np.ndarray:
        return np.flatnonzero((bounds >= self.threshold) & (bounds > -np.inf))

    def _score(self, block: Block, positions: np.ndarray) -> None:
        if len(positions):
            self.add(block.first_row + positions, block.vectors(positions))

    def add(self, rows: np.ndarray, vectors: np.ndarray) -> None:
        """Takes what is better of some rows, which are new, with their vectors."""
        scores = self.scoring.scores(vectors)
        is_better = scores >= self.threshold
        self._take(rows[is_better], scores[is_better], self.scoring.nearest(vectors[is_better]))

    def merge(self, other: "Best") -> None:
        """Takes what is better of another one, for the same query among other windows of the index."""
        self._take(other.rows, other.scores, other.nearest)

    def _take(self, rows: np.ndarray, scores: np.ndarray, nearest: np.ndarray) -> None:
        rows = np.concatenate([self.rows, rows])
        scores = np.concatenate([self.scores, scores])
        nearest = np.concatenate([self.nearest, nearest])
        clips = self._windows.clip_of(rows)
        order = np.lexsort([self._windows.start_seconds[rows], self._windows.clip_ranks[clips], -scores])
        if self._limits.max_per_recording:
            ranks = window_tables.ranks_within(self._windows.recordings[clips[order]])
            order = order[ranks < self._limits.max_per_recording]
        order = order[: self._limits.top]
        self.rows, self.scores, self.nearest = rows[order], scores[order], nearest[order]


def offer_to_all(bests: Sequence[Best], block: Block, searched: Optional[np.ndarray]) -> None:
    """Offers a block to several queries, with one product for all of them; `searched` as in `Best.offer`."""
    directions = [best.scoring.directions for best in bests]
    products = block.products(np.concatenate(directions))
    ends = np.cumsum([len(one) for one in directions])
    for best, of_query in zip(bests, np.split(products, ends[:-1], axis=1)):
        best.offer(block, of_query, searched)
