"""The report of scores under several protocols: the numbers side by side, two views, calibration, and the classes."""

import functools
from typing import Any, Dict, List, Optional, Sequence, Tuple

import audioset_triplet
from audioset_triplet.clips import in_words
from audioset_triplet.evaluation import metrics
from audioset_triplet.evaluation.annotated import AnnotatedMetrics
from audioset_triplet.evaluation.comparisons import ProtocolComparison, SetResult
from audioset_triplet.evaluation.metrics import RankingMetrics
from audioset_triplet.evaluation.protocols import ClipProtocol, ProtocolResult
from audioset_triplet.reports import class_chart, page, plots, wording
from audioset_triplet.reports.page import Report
from audioset_triplet.reports.plots import Dot, Plot

Lines = List[Tuple[List[Dot], str]]  # dots and the colour of each set

# Protocol -> what it ranks, and what it is called.
ITEMS = {"scores": "clips", "ratings": "rated pairs", "strong": "windows"}
TITLES = {"scores": "labels of clips", "ratings": "rated pairs", "strong": "strong labels"}
_FILES = ("ratings", "strong_labels", "class_labels")
_SOURCES = {"ratings": "--ratings", "strong": "--strong_labels"}
_LOST_SHOWN = 5  # in the headline
_COUNTS = {  # name of a count in results.json -> what it says
    "num_pairs": "rated pairs that are measured",
    "num_windows": "windows that are measured",
    "num_clips": "clips that are measured",
    "num_events": "events in these windows",
    "pairs_of_lost_classes": "left out: rated pairs of lost classes",
    "pairs_of_unknown_clips": "left out: rated pairs of clips without scores",
    "pairs_outside_windows": "left out: rated pairs outside the windows of their clip",
    "contradictory_pairs": "left out: pairs that are rated both present and not present",
    "unsure_ratings": "ratings that decide nothing: unsure",
    "not_acoustic_ratings": "ratings “not acoustic”, which count as not present: the class cannot be heard",
    "events_of_lost_classes": "left out: events of lost classes",
    "events_of_unknown_clips": "left out: events of clips without scores",
    "events_outside_windows": "left out: events that no window contains",
    "clips_without_strong_labels": "left out: clips with scores that the file does not name",
}


def report(comparison: ProtocolComparison) -> Report:
    """The headline and the page."""
    results, config = comparison.results, comparison.config
    titles = page.readable(comparison.class_titles())
    model = results[0].result
    measured = model.by_name()
    clips = [one.result.clips for one in results if one.result.clips]
    html = page.render(
        "protocols.html.jinja",
        results,
        [
            ("scores", comparison.sets[0].folder),
            *((one.name, one.model_id) for one in results),
            *(
                (name, getattr(config, name))
                for name in ("ratings", "strong_labels", "class_labels")
                if getattr(config, name)
            ),
            ("clips", f"{len(comparison.clip_ids)}{wording.of_folds(config.folds)}"),
            *([("classes", _unknown(model.clips))] if model.clips and model.clips.unknown else []),
            ("code version", audioset_triplet.__version__),
        ],
        digests=in_words(comparison.digests()),
        protocols={name: TITLES[name] for name in measured},
        items=ITEMS,
        num_items=_num_items,
        threshold=metrics.THRESHOLD,
        has_accuracy=bool(model.clips and model.clips.ranked.accuracy is not None),
        calibration=_calibration(results) if clips else None,
        scales=_mean_scores(results, titles) if clips else None,
        scatters=[(TITLES[name], *_d_prime_against_prior(results, name, titles)) for name in measured],
        class_charts=[(name, _class_groups(results, name, titles), ranked.prior) for name, ranked in measured.items()],
        coverage=_coverage(model),
    )
    return Report(_headline(comparison), {"report.html": html})


def _num_items(result: ProtocolResult, protocol: str) -> int:
    if protocol == "scores" and result.clips:
        return result.clips.ranked.num_clips
    annotated = _annotated(result)[protocol]
    return annotated.counts[{"ratings": "num_pairs", "strong": "num_windows"}[protocol]]


def _annotated(result: ProtocolResult) -> Dict[str, AnnotatedMetrics]:
    both: Dict[str, Optional[AnnotatedMetrics]] = {"ratings": result.rated, "strong": result.strong}
    return {name: annotated for name, annotated in both.items() if annotated}


def _headline(comparison: ProtocolComparison) -> str:
    names = {"map": "mAP", "auc": "AUC", "d_prime_of_mean_auc": "d'(AUC)", "mean_d_prime": "mean d'", "eer": "EER"}
    rows: List[List[Any]] = [
        [f"{one.name}, {TITLES[protocol]}", *(getattr(ranked, name) for name in (*names, "prior"))]
        for one in comparison.results
        for protocol, ranked in one.result.by_name().items()
    ]
    lines = [wording.table(["scores", *names.values(), "prior"], rows).rstrip("\n")]
    for one in comparison.results:
        if one.result.clips:
            clips, ranked = one.result.clips, one.result.clips.ranked
            accuracy = "" if ranked.accuracy is None else f", accuracy {ranked.accuracy:.3f}"
            lines.append(
                f"{one.name}, weighted by prior: mAP {ranked.prior_weighted_map:.3f}; recall at "
                f"{metrics.THRESHOLD:g}: {ranked.mean_recall:.3f}, weighted {ranked.prior_weighted_recall:.3f}; "
                f"calibration error {clips.calibration_error:.3f}, of a class {clips.mean_class_calibration_error:.3f}"
                f"{accuracy}"
            )
    model = comparison.results[0].result
    if model.clips:
        unknown = f"; {_unknown(model.clips)}" if model.clips.unknown else ""
        lines.append(f"{wording.counted(model.clips.ranked, comparison.config.folds)}{unknown}")
    for protocol, annotated in _annotated(model).items():
        lines.append(f"{_SOURCES[protocol]}: {_counted(annotated)}")
    return "\n".join([*lines, in_words(comparison.digests())])


def _unknown(clips: ClipProtocol) -> str:
    """How many classes the clips have and the classifier has not."""
    count = f"{len(clips.unknown)} of {len(clips.ranked.classes)}"
    return f"{count} classes score 0 for every clip, since the classifier has not learned them"


def _counted(annotated: AnnotatedMetrics) -> str:
    """What is measured and what is not, in a line."""
    lost, ranked = annotated.labels.lost, annotated.ranked
    num_left_out = len(ranked.classes_left_out)
    without = f", {num_left_out} more without a positive or a negative" if num_left_out else ""
    parts = [f"{len(ranked.classes)} classes{without}"]
    parts += [f"{count} {_COUNTS[name]}" for name, count in annotated.counts.items() if count]
    if lost:
        more = ", …" if len(lost) > _LOST_SHOWN else ""
        parts.append(f"{_lost(annotated)}: {', '.join(lost[:_LOST_SHOWN])}{more}")
    return "; ".join(parts)


def _lost(annotated: AnnotatedMetrics) -> str:
    return f"{len(annotated.labels.lost)} of {len(annotated.labels)} classes are lost, since the scores lack them"


def _coverage(result: ProtocolResult) -> List[Dict[str, Any]]:
    """For each file of annotations, what of it is measured."""
    return [
        {
            "title": TITLES[protocol],
            "counts": [(_COUNTS[name], count) for name, count in annotated.counts.items()],
            "classes": len(annotated.ranked.classes),
            "left_out": len(annotated.ranked.classes_left_out),
            "lost_text": _lost(annotated),
            "lost": annotated.labels.lost,
        }
        for protocol, annotated in _annotated(result).items()
    ]


def _calibration(results: Sequence[SetResult[ProtocolResult]]) -> Tuple[Plot, Lines]:
    plot = plots.reliability_plot("score", "observed share of positives")
    return plot, [
        (plots.reliability_dots(plot, one.result.clips.bins, "pairs of a clip and a class"), colour)
        for one, colour in zip(results, page.colours(len(results)))
        if one.result.clips
    ]


def _mean_scores(results: Sequence[SetResult[ProtocolResult]], titles: Dict[int, str]) -> Tuple[Plot, Lines]:
    """The mean score of each class against its prior."""
    points = [
        {
            f"{titles[label]}, {one.name}: prior {clips.ranked.classes[label].prior:.4f}, mean score {mean:.4f}": (
                clips.ranked.classes[label].prior,
                mean,
            )
            for label, mean in clips.class_mean_score.items()
        }
        for one in results
        for clips in [one.result.clips]
        if clips
    ]
    priors = [prior for one in points for prior, _ in one.values()]
    lowest = min(priors) / 10

    def y_axis(means: Sequence[float]) -> plots.Axis:
        return plots.log_axis("mean score", [*priors, *(max(mean, lowest) for mean in means)])

    x_axis = functools.partial(plots.log_axis, "prior in the evaluated clips")
    plot, dots = plots.scatter(x_axis, y_axis, points)
    return plot, list(zip(dots, page.colours(len(results))))


def _d_prime_against_prior(
    results: Sequence[SetResult[ProtocolResult]], protocol: str, titles: Dict[int, str]
) -> Tuple[Plot, Lines]:
    points = [
        {
            f"{titles[label]}, {one.name}: prior {measured.prior:.4f}, d′ {measured.d_prime:.2f}": (
                measured.prior,
                measured.d_prime,
            )
            for label, measured in one.result.by_name()[protocol].classes.items()
        }
        for one in results
    ]
    x_axis = functools.partial(plots.log_axis, f"share of positives among the {ITEMS[protocol]}")
    plot, dots = plots.scatter(x_axis, functools.partial(plots.linear_axis, "d′"), points)
    return plot, list(zip(dots, page.colours(len(results))))


def _class_groups(
    results: Sequence[SetResult[ProtocolResult]], protocol: str, titles: Dict[int, str]
) -> List[Dict[str, Any]]:
    """The class chart of one protocol, of the classes that all sets measure."""
    ranked: List[RankingMetrics] = [one.result.by_name()[protocol] for one in results]
    common = [label for label in ranked[0].classes if all(label in one.classes for one in ranked)]
    return class_chart.class_groups(
        [{label: one.classes[label].average_precision for label in common} for one in ranked],
        {label: ranked[0].classes[label].num_positives for label in common},
        titles,
    )
