"""Hits -> candidates, as loops over all windows of all clusters of exemplars."""

from typing import Any, Callable, Dict, List, Sequence

from tests.reference.search import Row


def candidates(
    rows: Sequence[Row],
    distances: Sequence[Callable[[Sequence[float]], float]],
    ends: Dict[str, float],
    hop: float,
    length: float,
    max_per_recording: int = 0,
) -> List[Dict[str, Any]]:
    """All candidates, nearest first.

    Args:
        rows: the windows that may be hits.
        distances: of a window to each cluster.
        ends: of clips.
        hop: of windows.
        length: of a candidate.
        max_per_recording: 0: any number.
    """
    hits = [
        {**row, "distance": distance(row["vector"]), "cluster": cluster}
        for row in rows
        for cluster, distance in enumerate(distances)
    ]
    found: List[Dict[str, Any]] = []
    for hit in sorted(hits, key=lambda hit: (hit["distance"], hit["clip_id"], hit["start"], hit["cluster"])):
        middle, end = hit["start"] + hop / 2, ends[hit["clip_id"]]
        of_clip = [one for one in found if one["clip_id"] == hit["clip_id"]]
        if any(one["from"] is None or one["from"] <= middle <= one["to"] for one in of_clip):
            continue
        of_recording = [one for one in found if one["recording_id"] == hit["recording_id"]]
        if max_per_recording and len(of_recording) >= max_per_recording:
            continue
        start = min(max(0.0, middle - length / 2), end - length)
        times = (None, None) if end <= length else (round(start, 3), round(start + length, 3))
        found.append({**hit, "from": times[0], "to": times[1]})
    return found
