"""What a window scores in a search: the higher, the more similar. Each is a bound that one product gives, and a score.

    Cosine               with one vector
    MeanDistance         minus the average distance to several vectors ("exemplars")
    MeanSquaredDistance  minus the average squared distance to them
    NearestDistance      minus the distance to the nearest of them

The average distance of a window x to exemplars e_1 ... e_K, all of unit length, is never less than its distance to
their mean m: |x - m| <= (1 / K) sum |x - e_k|. So the product with the mean bounds it, and only windows whose bound
reaches the best hits so far need all K products: the search is exact. "Retrieval score is average distance to
individual example frames": Saurous et al. 2017, "AudioSet: Real-world Audio Event Classification".

Bounds come from products in float32; scores from float64, so that equal vectors have equal scores wherever they are.

Shapes: R windows, D embedding size, K exemplars, F directions.
"""

import dataclasses
import functools
from typing import Protocol

import numpy as np

from audioset_triplet.store.embedding_parts import NORM_TOLERANCE


class Scoring(Protocol):
    """How windows score."""

    @property
    def vectors(self) -> np.ndarray:
        """[K, D]: what they are compared with."""
        ...

    @property
    def directions(self) -> np.ndarray:
        """[F, D] float32: vectors whose products with a window bound its score."""
        ...

    def bounds(self, products: np.ndarray) -> np.ndarray:
        """[R]: what windows with these products [R, F] score at most; monotone in each product."""
        ...

    def tighter_bounds(self, vectors: np.ndarray) -> np.ndarray:
        """[R]: what windows [R, D] score at most, from float32 products with all vectors; infinite: as `bounds`."""
        ...

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """[R] float32: the scores of windows [R, D]."""
        ...

    def nearest(self, vectors: np.ndarray) -> np.ndarray:
        """[R] int: which of K vectors is nearest to each of the windows [R, D]."""
        ...


@dataclasses.dataclass(frozen=True)
class Cosine:
    """The product with a vector of unit length [D]."""

    vector: np.ndarray

    @property
    def vectors(self) -> np.ndarray:
        return self.vector[None]

    @property
    def directions(self) -> np.ndarray:
        return self.vectors.astype(np.float32)

    def bounds(self, products: np.ndarray) -> np.ndarray:
        return products[:, 0] + _rounding(len(self.vector))

    def tighter_bounds(self, vectors: np.ndarray) -> np.ndarray:
        return np.full(len(vectors), np.inf)

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        return (vectors.astype(np.float64) @ self.vector.astype(np.float64)).astype(np.float32)

    def nearest(self, vectors: np.ndarray) -> np.ndarray:
        return np.zeros(len(vectors), np.int64)


@dataclasses.dataclass(frozen=True)
class _Exemplars:
    """Exemplars [K, D] of unit length."""

    vectors: np.ndarray

    def distances(self, windows: np.ndarray) -> np.ndarray:
        """[R, K] float64: of windows [R, D] to each exemplar, all scaled to unit length."""
        cosines = _unit(windows) @ _unit(self.vectors).T
        return np.sqrt(np.maximum(0.0, 2 - 2 * cosines))

    def tighter_bounds(self, vectors: np.ndarray) -> np.ndarray:
        return np.full(len(vectors), np.inf)

    def nearest(self, vectors: np.ndarray) -> np.ndarray:
        return self.distances(vectors).argmin(axis=1)

    @functools.cached_property
    def mean(self) -> np.ndarray:
        """[D] float64, shorter than 1."""
        return _unit(self.vectors).mean(axis=0)

    @property
    def directions(self) -> np.ndarray:
        return self.mean[None].astype(np.float32)

    @property
    def _slack(self) -> float:
        """How much higher the cosine of a window can be than its product: stored windows are not quite unit vectors."""
        return 2 * NORM_TOLERANCE + _rounding(self.vectors.shape[1])


@dataclasses.dataclass(frozen=True)
class MeanDistance(_Exemplars):
    """Minus the average distance to exemplars [K, D]."""

    def bounds(self, products: np.ndarray) -> np.ndarray:
        squares = 1 + np.float32(self.mean @ self.mean) - 2 * (products[:, 0] + self._slack)
        return -np.sqrt(np.maximum(0.0, squares))

    def tighter_bounds(self, vectors: np.ndarray) -> np.ndarray:
        cosines = vectors @ self.vectors.astype(np.float32).T
        return -np.sqrt(np.maximum(0.0, 2 - 2 * (cosines + np.float32(self._slack)))).mean(axis=1)

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        return -self.distances(vectors).mean(axis=1).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class MeanSquaredDistance(_Exemplars):
    """Minus the average squared distance to exemplars [K, D]: the order of the products with their mean."""

    def bounds(self, products: np.ndarray) -> np.ndarray:
        return 2 * (products[:, 0] + self._slack) - 2

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        return -(self.distances(vectors) ** 2).mean(axis=1).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class NearestDistance(_Exemplars):
    """Minus the distance to the nearest of the exemplars [K, D]."""

    @property
    def directions(self) -> np.ndarray:
        return self.vectors.astype(np.float32)

    def bounds(self, products: np.ndarray) -> np.ndarray:
        return -np.sqrt(np.maximum(0.0, 2 - 2 * (products.max(axis=1) + self._slack)))

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        return -self.distances(vectors).min(axis=1).astype(np.float32)


def _rounding(size: int) -> float:
    """What a float32 product of unit vectors of this size can be off by, with some room."""
    return size * 2.0**-22


def _unit(vectors: np.ndarray) -> np.ndarray:
    """float64, at unit length."""
    vectors = vectors.astype(np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
