"""Agglomerative clustering by average linkage, as loops."""

import itertools
from typing import List, Sequence, Set

from tests.reference.search import distance


def clusters(vectors: Sequence[Sequence[float]], near: float) -> List[Set[int]]:
    """Joins the two clusters with the smallest average distance while it is at most `near`; by their first member."""
    found = [{number} for number in range(len(vectors))]

    def between(first: Set[int], second: Set[int]) -> float:
        pairs = [distance(vectors[a], vectors[b]) for a in first for b in second]
        return sum(pairs) / len(pairs)

    while len(found) > 1:
        first, second = min(itertools.combinations(found, 2), key=lambda pair: between(*pair))
        if between(first, second) > near:
            break
        found = [one for one in found if one not in (first, second)] + [first | second]
    return sorted(found, key=min)
