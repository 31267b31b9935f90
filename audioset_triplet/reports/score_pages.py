"""The pages of the evaluations that score clips: classification, nearest neighbours, and learning from few labels."""

import math
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from audioset_triplet.evaluation import semi_supervised
from audioset_triplet.evaluation.metrics import ScoreMetrics
from audioset_triplet.reports import page
from audioset_triplet.reports.page import NamedResult

_WIDTH, _HEIGHT = 520, 320  # of a curve, in pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 20, 14, 40  # of its margins
_TICK_STEPS = (0.05, 0.1, 0.2)


def render_scores(
    task: str,
    class_titles: Dict[int, str],
    sets: Sequence[NamedResult],
    facts: Sequence[Tuple[str, str]],
    digests: str,
) -> str:
    """The page of a task whose results are `ScoreMetrics`.

    Args:
        task: classification or knn.
        class_titles: class index -> unique name.
        sets: the results, the model's first.
        facts: (what, value) pairs for the foot of the page.
        digests: the names of the lists of clips, in words.
    """
    scores = [one.result.class_average_precision for one in sets]
    return page.render(
        "scores.html.jinja",
        sets,
        facts,
        digests=digests,
        task=task,
        class_groups=page.class_groups(scores, sets[0].result.class_num_clips, page.readable(class_titles)),
    )


def render_semi_supervised(
    class_titles: Dict[int, str],
    sets: Sequence[NamedResult],
    facts: Sequence[Tuple[str, str]],
    digests: str,
    num_short: int,
) -> str:
    """The page of `semi_supervised`: its results are the metrics of each trial for each number of labels.

    Args:
        class_titles: class index -> unique name.
        sets: the results, the model's first.
        facts: (what, value) pairs for the foot of the page.
        digests: the names of the lists of clips, in words.
        num_short: classes with fewer clips than the largest number of labels.
    """
    counts = sorted(sets[0].result)
    first: ScoreMetrics = sets[0].result[counts[-1]][0]
    names = {"map": "mean average precision"}
    if first.accuracy is not None:
        names["accuracy"] = "accuracy"
    return page.render(
        "semi_supervised.html.jinja",
        sets,
        facts,
        digests=digests,
        counts=counts,
        num_trials=len(sets[0].result[counts[-1]]),
        prior=first.prior,
        num_classes=len(first.class_auc),
        num_short=num_short,
        curves=[_curve(sets, counts, name, title) for name, title in names.items()],
        cells=[
            [{name: semi_supervised.mean_and_std(one.result[count], name) for name in names} for count in counts]
            for one in sets
        ],
        class_groups=page.class_groups(
            [_mean_class_scores(one.result[counts[-1]]) for one in sets],
            first.class_num_clips,
            page.readable(class_titles),
        ),
    )


def _mean_class_scores(trials: Sequence[ScoreMetrics]) -> Dict[int, float]:
    return {
        label: float(np.mean([one.class_average_precision[label] for one in trials]))
        for label in trials[0].class_average_precision
    }


def _curve(sets: Sequence[NamedResult], counts: Sequence[int], name: str, title: str) -> Dict[str, Any]:
    """A metric against the number of labels, which is laid out by its logarithm."""
    points = [[semi_supervised.mean_and_std(one.result[count], name) for count in counts] for one in sets]
    highest = max(mean + std for line in points for mean, std in line)
    step = next((step for step in _TICK_STEPS if highest / step <= 6), _TICK_STEPS[-1])
    top = min(1.0, step * math.ceil(highest / step - 1e-9) or step)

    def x(count: int) -> float:
        if len(counts) == 1:
            return (_LEFT + _WIDTH - _RIGHT) / 2
        share = math.log(count / counts[0]) / math.log(counts[-1] / counts[0])
        return _LEFT + 12 + share * (_WIDTH - _LEFT - _RIGHT - 24)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM)

    def line(values: Sequence[Tuple[float, float]], colour: str, set_name: str) -> Dict[str, Any]:
        dots = [
            {
                "x": x(count),
                "y": y(mean),
                "low": y(max(0.0, mean - std)),
                "high": y(min(top, mean + std)),
                "title": f"{set_name}, {count} labels per class: {mean:.3f} ± {std:.3f}",
            }
            for count, (mean, std) in zip(counts, values)
        ]
        return {"colour": colour, "dots": dots, "path": " ".join(f"{one['x']:.1f},{one['y']:.1f}" for one in dots)}

    prior: Optional[float] = sets[0].result[counts[-1]][0].prior
    lines = [line(values, colour, one.name) for values, colour, one in zip(points, page.colours(len(sets)), sets)]
    ticks: List[Dict[str, Any]] = [
        {"at": y(value), "text": f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"}
        for value in np.arange(0, top + 1e-9, step)
    ]
    return {
        "title": title,
        "width": _WIDTH,
        "height": _HEIGHT,
        "left": _LEFT,
        "right": _WIDTH - _RIGHT,
        "bottom": _HEIGHT - _BOTTOM,
        "lines": lines,
        "ticks": ticks,
        "counts": [{"at": x(count), "text": str(count)} for count in counts],
        "prior_at": y(prior) if prior is not None and prior <= top else None,
    }
