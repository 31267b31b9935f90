"""The curves of mAP against labels, as text and as a page: with their bands, in numbers, and the labels they save."""

import math
from typing import Any, Dict, Mapping, Sequence, Tuple

from audioset_triplet.evaluation import label_curve
from audioset_triplet.evaluation.comparisons import SetResult
from audioset_triplet.evaluation.label_curve import RANDOM, Curves, Point, PoolCurves
from audioset_triplet.reports import page

_WIDTH, _HEIGHT = 860, 420  # of the chart, in pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 24, 14, 44  # of its margins
_TICK_STEPS = (0.05, 0.1, 0.2)


_SAVING_TICKS = (0.1, 0.25, 0.5, 1, 2, 4, 10, 20, 50)
_SAVING_SHARES = (0.6, 0.8, 0.9)  # levels of mAP of the charts of savings


def headline(pools: Sequence[PoolCurves]) -> str:
    """The curves and the reductions of each pool as text, a line for each strategy."""
    return "\n".join(title(pool) + "\n" + _headline(pool.curves) for pool in pools)


def title(pool: PoolCurves) -> str:
    """What is in a pool."""
    clips = f"{pool.num_clips:,.0f} clips, {pool.num_outside:,.0f} of none of the classes"
    return f"{_to_one(pool.ratio)}, {clips}"


def _to_one(ratio: float) -> str:
    return f"{ratio:,.1f}".removesuffix(".0") + ":1"


def _headline(curves: Curves) -> str:
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


def render(pools: Sequence[PoolCurves], model_id: str, facts: Sequence[Tuple[str, str]]) -> str:
    """The page.

    Args:
        pools: the curves of each, RANDOM among them.
        model_id: of the embeddings.
        facts: (what, value) pairs for the foot of the page.
    """
    names = list(dict.fromkeys(name for pool in pools for name in pool.curves if name != RANDOM))
    colour_of = dict(zip([*names, RANDOM], page.colours(len(names) + 1)))
    trials = {point.trials for pool in pools for points in pool.curves.values() for point in points}
    ratios = {pool.asked_ratio for pool in pools}
    return page.render(
        "label_curve.html.jinja",
        [SetResult(name, model_id, None) for name in colour_of],
        facts,
        random=RANDOM,
        colour_of=colour_of,
        trials=max(trials),
        complete=len(trials) == 1,
        pools=[_pool(pool, colour_of) for pool in pools],
        savings=[_savings(pools, share, colour_of) for share in _SAVING_SHARES] if len(ratios) > 1 else [],
    )


def _pool(pool: PoolCurves, colour_of: Mapping[str, str]) -> Dict[str, Any]:
    budgets = sorted({point.budget for points in pool.curves.values() for point in points})
    return {
        "title": title(pool),
        "names": list(pool.curves),
        "budgets": budgets,
        "num_clips": round(pool.num_clips),
        "chart": _chart(pool.curves, budgets, colour_of),
        "points": {name: {point.budget: point for point in points} for name, points in pool.curves.items()},
        "reductions": label_curve.reductions(pool.curves),
    }


def _savings(pools: Sequence[PoolCurves], share: float, colour_of: Mapping[str, str]) -> Dict[str, Any]:
    """Savings against the ratios of the pools, both logarithmic; a line reaches from the least trial to the most.

    A saving of which only an upper bound is known has no place: its curve ends before the level.
    """
    of_strategy = {
        name: [one for one in several if one.factor is not None and one.factor.kind != "<"]
        for name, several in label_curve.savings(pools, share).items()
    }
    known = [one for several in of_strategy.values() for one in several]
    values = [one.factor.value for one in known if one.factor] + [value for one in known for value in one.of_trials]
    low, high = min([*values, 0.5]), max([*values, 2.0])
    ratios = [pool.ratio for pool in pools]
    spread = math.log(max(ratios) / min(ratios)) or 1.0

    def x(ratio: float, place: int) -> float:
        middle = _LEFT + 30 + math.log(ratio / min(ratios)) / spread * (_WIDTH - _LEFT - _RIGHT - 90)
        return middle + 6 * place  # beside each other

    def y(factor: float) -> float:
        share_of_height = math.log(factor / low) / math.log(high / low)
        return _HEIGHT - _BOTTOM - 8 - share_of_height * (_HEIGHT - _TOP - _BOTTOM - 16)

    lines = []
    for place, (name, several) in enumerate(of_strategy.items()):
        lines.append(
            {
                "colour": colour_of[name],
                "path": " ".join(
                    f"{x(one.ratio, place):.1f},{y(one.factor.value):.1f}" for one in several if one.factor
                ),
                "dots": [
                    {
                        "x": x(one.ratio, place),
                        "y": y(one.factor.value),
                        "kind": one.factor.kind,
                        "least": y(one.of_trials[0]) if one.of_trials else None,
                        "most": y(one.of_trials[-1]) if one.of_trials else None,
                        "title": f"{name}, {_to_one(one.ratio)}: {one.factor} times fewer labels",
                    }
                    for one in several
                    if one.factor
                ],
            }
        )
    ticks = [tick for tick in _SAVING_TICKS if low <= tick <= high]
    return {
        "share": share,
        "width": _WIDTH,
        "height": _HEIGHT,
        "left": _LEFT,
        "right": _WIDTH - _RIGHT,
        "bottom": _HEIGHT - _BOTTOM,
        "lines": lines,
        "ticks": [{"at": y(tick), "text": f"{tick:g}", "is_one": tick == 1} for tick in ticks],
        "budgets": [{"at": x(pool.ratio, 0), "text": _to_one(pool.ratio)} for pool in pools],
    }


def _chart(curves: Curves, budgets: Sequence[int], colour_of: Mapping[str, str]) -> Dict[str, Any]:
    """mAP against the logarithm of the number of labels; a band is one standard deviation up and down."""
    highest = max(point.map + point.map_std for points in curves.values() for point in points)
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

    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "left": _LEFT,
        "right": _WIDTH - _RIGHT,
        "bottom": _HEIGHT - _BOTTOM,
        "lines": [line(points, colour_of[name], name) for name, points in curves.items()],
        "ticks": [
            {"at": y(step * i), "text": f"{step * i:.2g}", "is_one": False} for i in range(round(top / step) + 1)
        ],
        "budgets": [{"at": x(budget), "text": f"{budget:,}"} for budget in budgets],
    }
