"""The curves of mAP against labels, as text and as a page: with their bands, in numbers, and the labels they save."""

import math
from typing import Any, Dict, Sequence, Tuple

from audioset_triplet.evaluation import label_curve
from audioset_triplet.evaluation.comparisons import SetResult
from audioset_triplet.evaluation.label_curve import RANDOM, Curves, Point
from audioset_triplet.reports import page

_WIDTH, _HEIGHT = 860, 420  # of the chart, in pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 24, 14, 44  # of its margins
_TICK_STEPS = (0.05, 0.1, 0.2)


def headline(curves: Curves) -> str:
    """The curves and the reductions as text, a line for each selection."""
    lines, width = ["mAP"], max(len(name) for name in curves)
    for name, points in curves.items():
        means = (f"{point.budget}: {point.map:.3f} ± {point.map_std:.3f}" for point in points)
        lines.append(f"{name:{width}}  {', '.join(means)}")
    lines.append("times fewer labels than random selection for the same mAP, a share of its mAP with all labels")
    rows = label_curve.reductions(curves)
    for name in curves:
        if name != RANDOM:
            factors = (f"{row.share:.0%}: {row.factors[name] or 'unknown'}" for row in rows)
            lines.append(f"{name:{width}}  {', '.join(factors)}")
    return "\n".join(lines)


def render(curves: Curves, model_id: str, num_clips: int, facts: Sequence[Tuple[str, str]]) -> str:
    """The page.

    Args:
        curves: of each selection, RANDOM among them.
        model_id: of the embeddings.
        num_clips: that can be queried.
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
        points=[{point.budget: point for point in named.result} for named in sets],
        reductions=label_curve.reductions(curves),
    )


def _chart(sets: Sequence[SetResult], budgets: Sequence[int]) -> Dict[str, Any]:
    """mAP against the logarithm of the number of labels; a band is one standard deviation up and down."""
    highest = max(point.map + point.map_std for named in sets for point in named.result)
    step = next((step for step in _TICK_STEPS if highest / step <= 8), _TICK_STEPS[-1])
    top = min(1.0, step * math.ceil(highest / step - 1e-9) or step)

    def x(budget: int) -> float:
        if len(budgets) == 1:
            return (_LEFT + _WIDTH - _RIGHT) / 2
        share = math.log(budget / budgets[0]) / math.log(budgets[-1] / budgets[0])
        return _LEFT + 12 + share * (_WIDTH - _LEFT - _RIGHT - 24)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - min(max(value, 0.0), top) / top * (_HEIGHT - _TOP - _BOTTOM)

    def path(points: Sequence[Tuple[float, float]]) -> str:
        return " ".join(f"{left:.1f},{top:.1f}" for left, top in points)

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
        "lines": [line(named.result, colour, named.name) for named, colour in zip(sets, colours)],
        "ticks": [{"at": y(step * i), "text": f"{step * i:.2g}"} for i in range(round(top / step) + 1)],
        "budgets": [{"at": x(budget), "text": f"{budget:,}"} for budget in budgets],
    }
