"""The chart of classes: a bar for each, and a tick for each of the compared sets."""

from typing import Any, Dict, List, Sequence, Tuple

_TWO_COLUMNS_FROM = 16  # classes
_CLASSES_IN_VIEW = 80  # of more classes, the best and the worst halves of this are in view; the others can be unfolded


def class_groups(
    scores: Sequence[Dict[int, float]],
    class_num_clips: Dict[int, int],
    class_titles: Dict[int, str],
    ends: Tuple[str, str] = ("best classes", "worst classes"),
) -> List[Dict[str, Any]]:
    """Rows of the class chart, best first, in columns; the middle of a long list is a group that can be unfolded.

    Args:
        scores: class index -> score, for each set, the model's first.
        class_num_clips: class index -> number of clips.
        class_titles: class index -> unique name.
        ends: what to call the first and the last classes of a long list.
    """
    model, *compared = scores
    rows = [
        {
            "title": class_titles[label],
            "score": model[label],
            "num_clips": class_num_clips[label],
            "compared": [one[label] for one in compared],
        }
        for label in sorted(model, key=lambda label: (-model[label], class_titles[label]))
    ]
    half = _CLASSES_IN_VIEW // 2
    if len(rows) <= _CLASSES_IN_VIEW:
        groups = [("", False, rows)]
    else:
        middle = rows[half:-half]
        groups = [
            (f"The {half} {ends[0]}", False, rows[:half]),
            (f"The {len(middle)} classes between", True, middle),
            (f"The {half} {ends[1]}", False, rows[-half:]),
        ]
    return [{"title": title, "folded": folded, "columns": _columns(rows)} for title, folded, rows in groups]


def _columns(rows: List[Any]) -> List[List[Any]]:
    if len(rows) < _TWO_COLUMNS_FROM:
        return [rows]
    half = (len(rows) + 1) // 2
    return [rows[:half], rows[half:]]
