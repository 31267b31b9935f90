"""The report of a head that learned from ratings: how good each class is, and what it detects in an archive."""

import dataclasses
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from audioset_triplet.evaluation import rated_precision
from audioset_triplet.evaluation.rated_precision import PrecisionCurve
from audioset_triplet.evaluation.rated_quality import ClassQuality
from audioset_triplet.plurals import counted, duration
from audioset_triplet.reports import page, plots, wording
from audioset_triplet.reports.page import Report
from audioset_triplet.store.heads import Head

_WIDTH, _HEIGHT = 420, 190  # of a chart, in pixels


class Asked(NamedTuple):
    """The precision that was asked for, or the threshold in its place."""

    precision: float
    confidence: float
    threshold: float = 0.0  # of all classes; 0: the precision counts


class Row(NamedTuple):
    """What was detected of a class."""

    num_events: int
    seconds: float


def report(
    head: Head,
    qualities: Sequence[ClassQuality],
    asked: Asked,
    about: Sequence[str],
    detected: Optional[Mapping[str, Row]] = None,
) -> Report:
    """The headline and report.html.

    Args:
        head: the head.
        qualities: of all classes.
        asked: how precise detections are to be.
        about: what the head learned from, a line each.
        detected: name of a class -> its detections; None: an archive was not scored.
    """
    if detected is None:
        measured = sum(one.average_precision is not None for one in qualities)
        headline = f"{counted(len(head.info.classes), 'class')} learned, {measured} measured"
    else:
        total = sum(row.num_events for row in detected.values())
        headline = f"{counted(total, 'detection')} of {counted(len(detected), 'class')}"
    facts = [
        ("head", f"{head.id}, on {head.info.model_id}"),
        ("windows", wording.windows(head.info.window_seconds, head.info.hop_seconds)),
        ("digest of the ratings", head.info.ratings_digest),
        ("code version", head.info.code_version),
    ]
    html = page.render(
        "rated_head.html.jinja",
        [],
        facts,
        headline=headline,
        classes=[_described(one, detected) for one in qualities],
        asked=asked,
        about=about,
        is_archive=detected is not None,
    )
    return Report(headline, {"report.html": html})


def _described(quality: ClassQuality, detected: Optional[Mapping[str, Row]]) -> Dict[str, Any]:
    """A class for the template."""
    found = (detected or {}).get(quality.name)
    charts = {"histogram": _histogram(quality), "curve": _curve(quality)} if quality.ratings else None
    values = {field.name: getattr(quality, field.name) for field in dataclasses.fields(quality)}
    row = {"num_events": f"{found.num_events:,}", "duration": duration(found.seconds)} if found else None
    return {**values, "detected": row, "charts": charts}


def _histogram(quality: ClassQuality) -> Dict[str, Any]:
    """Bars of present ratings above the line and of those not present below it, on one scale."""
    assert quality.ratings is not None
    scores, is_present = quality.ratings.scores, quality.ratings.is_present
    kinds = {"present": scores[is_present], "absent": scores[~is_present]}
    counts = {kind: rated_precision.histogram(of_kind) for kind, of_kind in kinds.items()}
    highest = max(int(of_kind.max()) for of_kind in counts.values())
    frame = plots.Plot(plots.share_axis("score, out of fold"), plots.share_axis(""), _WIDTH, _HEIGHT, 12, 408, 8, 150)
    middle, half = (frame.top + frame.bottom) / 2, (frame.bottom - frame.top) / 2
    bars: List[Dict[str, Any]] = []
    for kind, of_kind in counts.items():
        for place, count in enumerate(of_kind.tolist()):
            if count:
                low, high = (end / rated_precision.NUM_BINS for end in (place, place + 1))
                height = half * count / highest
                bars.append(
                    {
                        "kind": kind,
                        "x": frame.x(low) + 1,
                        "width": frame.x(high) - frame.x(low) - 2,
                        "y": middle - height if kind == "present" else middle,
                        "height": height,
                        "text": f"{count} {'present' if kind == 'present' else 'not present'}, "
                        f"score {low:.2f} to {high:.2f}",
                    }
                )
    threshold = frame.x(quality.threshold.score) if quality.threshold else None
    return {"frame": frame, "bars": bars, "middle": middle, "threshold": threshold}


def _curve(quality: ClassQuality) -> Dict[str, Any]:
    """The precision of events and its lower end, and the precision of windows, against the threshold."""
    frame = plots.Plot(plots.share_axis("threshold"), plots.share_axis("precision"), _WIDTH, _HEIGHT, 46, 408, 8, 150)
    lines = {"windows": _points(frame, quality.window_curve, "precisions")}
    lines["low"] = _points(frame, quality.event_curve, "lows")
    lines["events"] = _points(frame, quality.event_curve, "precisions")
    return {"frame": frame, "lines": lines}


def _points(frame: plots.Plot, curve: Optional[PrecisionCurve], name: str) -> str:
    if curve is None:
        return ""
    thresholds, values = curve.thresholds, getattr(curve, name)
    return " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in zip(thresholds.tolist(), values.tolist()))
