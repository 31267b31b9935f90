"""Search and mining as loops over all windows."""

import math
from typing import Any, Callable, Dict, List, Sequence

Row = Dict[str, Any]  # clip_id, recording_id, fold, start, vector


def distance(first: Sequence[float], second: Sequence[float]) -> float:
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(first, second)))


def cosine(first: Sequence[float], second: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(first, second))


def best(
    rows: Sequence[Row],
    score: Callable[[Sequence[float]], float],
    is_searched: Callable[[Row], bool],
    top: int,
    max_per_recording: int = 0,
) -> List[Row]:
    """The first hits, one after the other: by score, clip id and start; a full recording has no more of them."""
    scored = [{**row, "score": score(row["vector"])} for row in rows if is_searched(row)]
    hits: List[Row] = []
    for row in sorted(scored, key=lambda row: (-row["score"], row["clip_id"], row["start"])):
        num_of_recording = sum(hit["recording_id"] == row["recording_id"] for hit in hits)
        if len(hits) < top and not (max_per_recording and num_of_recording >= max_per_recording):
            hits.append(row)
    return hits
