"""The page of `label_curve`: curves with their bands, the same in numbers, and how many fewer labels it takes."""

import math
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from audioset_triplet.evaluation.comparisons import SetResult
from audioset_triplet.reports import page
from audioset_triplet.studies import label_curve
from audioset_triplet.studies.label_curve import LEVELS, RANDOM, Bound, Point

_WIDTH, _HEIGHT = 860, 420  # of the chart, in pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 24, 14, 44  # of its margins
_TICK_STEPS = (0.05, 0.1, 0.2)


def reductions(curves: Dict[str, List[Point]]) -> List[Dict[str, Any]]:
    """A row for each level of mAP: the level, and for each choice the labels it needs and how many times fewer that is.

    Levels are shares of the mAP that random choice has with its largest budget.
    """
    by_chance = curves[RANDOM]
    rows = []
    for share in LEVELS:
        level = share * by_chance[-1].map
        needed = {name: label_curve.labels_needed(points, level) for name, points in curves.items()}
        factors: Dict[str, Optional[Bound]] = {
            name: label_curve.reduction(needed[RANDOM], one) for name, one in needed.items() if name != RANDOM
        }
        rows.append({"share": share, "level": level, "needed": needed, "factors": factors})
    return rows


def flat_numbers(curves: Dict[str, List[Point]]) -> Dict[str, Union[float, str]]:
    """The reductions under flat keys, label_curve/NAME/labels_for_80_percent and .../reduction_at_80_percent.

    A number that is only bounded is a text such as "> 12.5", one of which nothing is known is left out.
    """
    numbers: Dict[str, Union[float, str]] = {}
    for row in reductions(curves):
        for prefix, bounds in (("labels_for", row["needed"]), ("reduction_at", row["factors"])):
            for name, bound in bounds.items():
                if bound is not None:
                    key = f"label_curve/{name}/{prefix}_{round(100 * row['share'])}_percent"
                    numbers[key] = bound.value if bound.kind == "=" else str(bound)
    return numbers


def headline(curves: Dict[str, List[Point]]) -> str:
    """The curves and the reductions as text, a line for each choice."""
    lines, width = ["mAP"], max(len(name) for name in curves)
    for name, points in curves.items():
        means = (f"{point.budget}: {point.map:.3f} ± {point.map_std:.3f}" for point in points)
        lines.append(f"{name:{width}}  {', '.join(means)}")
    lines.append("times fewer labels than random choice for the same mAP, a share of what all of its labels give")
    rows = reductions(curves)
    for name in curves:
        if name != RANDOM:
            factors = (f"{row['share']:.0%}: {row['factors'][name] or 'unknown'}" for row in rows)
            lines.append(f"{name:{width}}  {', '.join(factors)}")
    return "\n".join(lines)


def render(curves: Dict[str, List[Point]], model_id: str, num_clips: int, facts: Sequence[Tuple[str, str]]) -> str:
    """The page.

    Args:
        curves: of each choice, RANDOM among them.
        model_id: of the embeddings.
        num_clips: that can be asked about.
        facts: (what, value) pairs for the foot of the page.
    """
    sets = [SetResult(name, model_id, points) for name, points in curves.items()]
    budgets = sorted({point.budget for points in curves.values() for point in points})
    trials = {point.trials for points in curves.values() for point in points}
    return page.render(
        "label_curve.html.jinja",
        sets,
        facts,
        random=RANDOM,
        budgets=budgets,
        num_clips=num_clips,
        trials=max(trials),
        complete=len(trials) == 1,
        chart=_chart(sets, budgets),
        cells=[{point.budget: point for point in one.result} for one in sets],
        reductions=reductions(curves),
    )


def _chart(sets: Sequence[SetResult], budgets: Sequence[int]) -> Dict[str, Any]:
    """mAP against the number of labels, which is laid out by its logarithm; a band is one standard deviation wide."""
    highest = max(point.map + point.map_std for one in sets for point in one.result)
    step = next((step for step in _TICK_STEPS if highest / step <= 8), _TICK_STEPS[-1])
    top = min(1.0, step * math.ceil(highest / step - 1e-9) or step)

    def x(budget: int) -> float:
        if len(budgets) == 1:
            return (_LEFT + _WIDTH - _RIGHT) / 2
        share = math.log(budget / budgets[0]) / math.log(budgets[-1] / budgets[0])
        return _LEFT + 12 + share * (_WIDTH - _LEFT - _RIGHT - 24)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - min(max(value, 0.0), top) / top * (_HEIGHT - _TOP - _BOTTOM)

    def path(places: Sequence[Tuple[float, float]]) -> str:
        return " ".join(f"{across:.1f},{down:.1f}" for across, down in places)

    def line(points: Sequence[Point], colour: str, name: str) -> Dict[str, Any]:
        upper = [(x(point.budget), y(point.map + point.map_std)) for point in points]
        lower = [(x(point.budget), y(point.map - point.map_std)) for point in points]
        return {
            "colour": colour,
            "dashed": name == RANDOM,
            "path": path([(x(point.budget), y(point.map)) for point in points]),
            "band": path(upper + lower[::-1]),
            "dots": [
                {
                    "x": x(point.budget),
                    "y": y(point.map),
                    "title": f"{name}, {point.budget} labels: {point.map:.3f} ± {point.map_std:.3f}",
                }
                for point in points
            ],
        }

    colours = page.colours(len(sets))
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "left": _LEFT,
        "right": _WIDTH - _RIGHT,
        "bottom": _HEIGHT - _BOTTOM,
        "lines": [line(one.result, colour, one.name) for one, colour in zip(sets, colours)],
        "ticks": [{"at": y(step * i), "text": f"{step * i:.2g}"} for i in range(round(top / step) + 1)],
        "budgets": [{"at": x(budget), "text": f"{budget:,}"} for budget in budgets],
    }
