"""What the pages of all evaluations share beyond `pages`: colours of what is compared, and the chart of classes.

The templates are the `*.html.jinja` beside this module.
"""

import base64
import dataclasses
from typing import Any, Dict, List, Sequence, Tuple

from audioset_triplet.reports import frame

_TWO_COLUMNS_FROM = 16  # classes
_CLASSES_IN_VIEW = 80  # of more classes the best and the worst halves of this are in view, the others can be unfolded
# Apart in hue and in lightness, also for most colour-blind readers; the model's own colour is in the template.
_COMPARED_COLOURS = ("#d97706", "#7c3aed", "#db2777", "#65a30d")


@dataclasses.dataclass(frozen=True)
class NamedResult:
    """One row of a headline: a set of embeddings and what it scored."""

    name: str
    model_id: str
    result: Any  # what the evaluation of the page returns


def render(template: str, sets: Sequence[NamedResult], facts: Sequence[Tuple[str, str]], **values: Any) -> str:
    """The page of a template.

    Args:
        template: file name of one that extends `page.html.jinja`.
        sets: the results, the model's first; the template sees them with a `colour` each, and the first as `model`.
            Empty for a page that is not about a model.
        facts: (what, value) pairs for the foot of the page.
        values: everything else that the template asks for.
    """
    coloured = [{**vars(one), "colour": colour} for one, colour in zip(sets, colours(len(sets)))]
    model = next(iter(coloured), None)
    return frame.render("audioset_triplet.reports", template, facts, sets=coloured, model=model, **values)


def colours(count: int) -> List[str]:
    """CSS colours of that many sets, the model's first."""
    return ["var(--model)", *(_COMPARED_COLOURS[i % len(_COMPARED_COLOURS)] for i in range(count - 1))]


def data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def readable(class_titles: Dict[int, str]) -> Dict[int, str]:
    """Class names as people write them."""
    return {label: title.replace("_", " ") for label, title in class_titles.items()}


def class_groups(
    scores: Sequence[Dict[int, float]], class_num_clips: Dict[int, int], class_titles: Dict[int, str]
) -> List[Dict[str, Any]]:
    """Rows of the class chart, best first, in columns; the middle of a long list apart, to be unfolded.

    Args:
        scores: class index -> what the chart shows, for each set, the model's first.
        class_num_clips: class index -> number of clips.
        class_titles: class index -> unique name.
    """
    model, *others = scores
    rows = [
        {
            "title": class_titles[label],
            "score": model[label],
            "num_clips": class_num_clips[label],
            "others": [one[label] for one in others],
        }
        for label in sorted(model, key=lambda label: (-model[label], class_titles[label]))
    ]
    half = _CLASSES_IN_VIEW // 2
    if len(rows) <= _CLASSES_IN_VIEW:
        groups = [("", False, rows)]
    else:
        middle = rows[half:-half]
        groups = [
            (f"The {half} best classes", False, rows[:half]),
            (f"The {len(middle)} classes between", True, middle),
            (f"The {half} worst classes", False, rows[-half:]),
        ]
    return [{"title": title, "folded": folded, "columns": _columns(rows)} for title, folded, rows in groups]


def _columns(rows: List[Any]) -> List[List[Any]]:
    if len(rows) < _TWO_COLUMNS_FROM:
        return [rows]
    half = (len(rows) + 1) // 2
    return [rows[:half], rows[half:]]
