"""Which rows are asked about, one after the other."""

from typing import Callable, List, Sequence


def taken(
    distances: Sequence[float],
    clip_ids: Sequence[str],
    count: int,
    max_per_clip: int,
    was_asked: Callable[[int], bool],
) -> List[int]:
    """Takes the row with the smallest distance that may be taken, again and again."""
    left = set(range(len(distances)))
    seen: List[str] = []
    rows: List[int] = []
    while left and len(rows) < count:
        row = min(left, key=lambda one: (distances[one], one))
        left.remove(row)
        if seen.count(clip_ids[row]) < max_per_clip:
            seen.append(clip_ids[row])
            if not was_asked(row):
                rows.append(row)
    return rows
