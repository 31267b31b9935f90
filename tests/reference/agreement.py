"""Krippendorff's alpha and agreement in percent, from all pairs of ratings one by one."""

import itertools
from typing import Sequence, Tuple


def agreement(units: Sequence[Sequence[str]]) -> Tuple[float, float]:
    """(share of equal pairs within units, alpha = 1 - observed / expected disagreement), nominal.

    Each ordered pair of a unit with m ratings weighs 1 / (m - 1); units with one rating do not count.
    """
    units = [unit for unit in units if len(unit) > 1]
    num_equal = num_pairs = 0
    observed = 0.0
    for unit in units:
        for first, second in itertools.permutations(unit, 2):
            num_pairs += 1
            num_equal += first == second
            observed += (first != second) / (len(unit) - 1)
    everything = [rating for unit in units for rating in unit]
    unequal = sum(first != second for first, second in itertools.permutations(everything, 2))
    num_ratings = len(everything)
    share = num_equal / num_pairs if num_pairs else float("nan")
    if not unequal:
        return share, float("nan")
    return share, 1 - (observed / num_ratings) / (unequal / (num_ratings * (num_ratings - 1)))
