"""Query by example with plain loops over pairs, written from the definition."""

import math
from typing import List, Sequence, Tuple


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    dot = sum(float(x) * float(y) for x, y in zip(a, b))
    return dot / math.sqrt(sum(float(x) ** 2 for x in a)) / math.sqrt(sum(float(y) ** 2 for y in b))


def ranked_pairs(targets: Sequence, others: Sequence) -> List[Tuple[float, bool]]:
    pairs = []
    for i in range(len(targets)):
        for j in range(i + 1, len(targets)):
            pairs.append((cosine(targets[i], targets[j]), True))
        for other in others:
            pairs.append((cosine(targets[i], other), False))
    return pairs


def average_precision(pairs: Sequence[Tuple[float, bool]]) -> float:
    """The mean, over the relevant pairs, of the share of relevant ones among the pairs that score as high or higher."""
    precisions = []
    for score, relevant in pairs:
        if relevant:
            above = [other_relevant for other_score, other_relevant in pairs if other_score >= score]
            precisions.append(sum(above) / len(above))
    return sum(precisions) / len(precisions)
