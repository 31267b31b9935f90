"""The reports of the evaluations that score clips: classification, nearest neighbours, and few labels."""

import math
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from audioset_triplet.clips import in_words
from audioset_triplet.config.evaluation import ClassificationConfig, KnnConfig
from audioset_triplet.evaluation.comparisons import ScoreComparison, SemiSupervisedComparison, SetResult
from audioset_triplet.evaluation.metrics import ScoreMetrics
from audioset_triplet.plurals import counted
from audioset_triplet.reports import class_chart, page, wording
from audioset_triplet.reports.page import Report

_WIDTH, _HEIGHT = 520, 320  # of a curve, in pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 20, 14, 40  # of its margins
_TICK_STEPS = (0.05, 0.1, 0.2)


def report(comparison: ScoreComparison) -> Report:
    """The headline and the page of classification, or of nearest neighbours."""
    results, split = comparison.results, comparison.split
    model = results[0].result
    scores = [one.result.class_average_precision for one in results]
    html = page.render(
        "scores.html.jinja",
        results,
        [
            *wording.split_facts(split, model),
            *_setting_facts(comparison),
            *wording.set_facts(comparison.sets, results, split.evaluated.info.front_end_id),
        ],
        digests=in_words(comparison.digests()),
        task=comparison.task,
        class_groups=class_chart.class_groups(scores, model.class_num_clips, page.readable(comparison.class_titles())),
    )
    return Report(_headline(comparison), {"report.html": html})


def _headline(comparison: ScoreComparison) -> str:
    model = comparison.results[0].result
    names = {"map": "mAP", "auc": "AUC", "d_prime_of_mean_auc": "d'(AUC)", "mean_d_prime": "mean d'", "eer": "EER"}
    if model.accuracy is not None:
        names["accuracy"] = "accuracy"
    rows = [[one.name, *(getattr(one.result, name) for name in names)] for one in comparison.results]
    rows.append(["random order", model.prior])
    table = wording.table([comparison.task, *names.values()], rows)
    return f"{table}{wording.counted(model, comparison.config.folds)}\n{in_words(comparison.digests())}"


def _setting_facts(comparison: ScoreComparison) -> List[Tuple[str, str]]:
    config = comparison.config
    if isinstance(config, KnnConfig):
        return [("neighbours", f"{config.neighbours}, weighted by exp(cosine / {config.temperature:g})")]
    assert isinstance(config, ClassificationConfig)
    facts = [("classifier", wording.head_settings(config.head)), ("seed", str(config.seed))]
    return facts + ([("labels of the training clips", config.weak_labels)] if config.weak_labels else [])


def semi_supervised_report(comparison: SemiSupervisedComparison) -> Report:
    """The headline and the page of classification with few labels."""
    results, split, config = comparison.results, comparison.split, comparison.config
    model = results[0].result
    counts = model.counts
    first: ScoreMetrics = model.trials[counts[-1]][0]
    short = {count: len(model.short_classes[count]) for count in counts}
    names = {"map": "mean average precision"}
    if first.accuracy is not None:
        names["accuracy"] = "accuracy"
    labelled = ", ".join(f"{model.num_labelled[count]} at {count} per class" for count in counts)
    html = page.render(
        "semi_supervised.html.jinja",
        results,
        [
            *wording.split_facts(split, model.trials[counts[0]][0]),
            ("labelled clips", f"{labelled} (first trial)"),
            ("classes with fewer clips than that", ", ".join(f"{short[count]} at {count}" for count in counts)),
            ("trials", f"{config.trials}, seed {config.seed}"),
            ("classifier", wording.head_settings(config.head)),
            *wording.set_facts(comparison.sets, results, split.evaluated.info.front_end_id),
        ],
        digests=in_words(comparison.digests()),
        counts=counts,
        num_trials=config.trials,
        prior=first.prior,
        num_classes=len(first.class_auc),
        num_short=short[counts[-1]],
        curves=[_curve(results, counts, name, title) for name, title in names.items()],
        summaries=[
            [{name: one.result.mean_and_std(count, name) for name in names} for count in counts] for one in results
        ],
        class_groups=class_chart.class_groups(
            [_mean_class_scores(one.result.trials[counts[-1]]) for one in results],
            first.class_num_clips,
            page.readable(comparison.class_titles()),
        ),
    )
    return Report(_semi_supervised_headline(comparison), {"report.html": html})


def _semi_supervised_headline(comparison: SemiSupervisedComparison) -> str:
    model = comparison.results[0].result
    first: ScoreMetrics = model.trials[model.counts[0]][0]
    names = ["map"] if first.accuracy is None else ["map", "accuracy"]
    rows: List[List[Any]] = [
        [
            f"{one.name}, {count} per class",
            *(value for name in names for value in one.result.mean_and_std(count, name)),
        ]
        for one in comparison.results
        for count in model.counts
    ]
    rows.append(["random order", first.prior])
    header = ["semi_supervised", "mAP", "± of draws"] + ["accuracy", "± of draws"] * (len(names) - 1)
    short = "".join(
        f"{counted(len(classes), 'class has', 'classes have')} fewer than {counted(count, 'clip')} to be labelled: "
        "all of them are\n"
        for count, classes in model.short_classes.items()
        if classes
    )
    counts = f"{wording.counted(first, comparison.config.folds)}; {comparison.config.trials} trials"
    return f"{wording.table(header, rows)}{counts}\n{short}{in_words(comparison.digests())}"


def _mean_class_scores(trials: Sequence[ScoreMetrics]) -> Dict[int, float]:
    return {
        label: float(np.mean([one.class_average_precision[label] for one in trials]))
        for label in trials[0].class_average_precision
    }


def _curve(results: Sequence[SetResult], counts: Sequence[int], name: str, title: str) -> Dict[str, Any]:
    """A metric against the number of labels, which is laid out by its logarithm."""
    points = [[one.result.mean_and_std(count, name) for count in counts] for one in results]
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

    prior: Optional[float] = results[0].result.trials[counts[-1]][0].prior
    lines = [line(values, colour, one.name) for values, colour, one in zip(points, page.colours(len(results)), results)]
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
