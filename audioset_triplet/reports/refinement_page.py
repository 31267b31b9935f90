"""The report of a label refinement: what each class keeps, and the clips that change most, before and after."""

from typing import Any, Dict, List

from audioset_triplet.evaluation import metrics
from audioset_triplet.labelling.refinement import Example, Refinement
from audioset_triplet.reports import class_chart, excerpts, page, wording
from audioset_triplet.reports.excerpts import Excerpt
from audioset_triplet.reports.page import Report

_CLASSES_IN_HEADLINE = 20
_WIDTH = 1000  # of the chart of a clip, in its own units; it is scaled to the page
_CURVE_HEIGHT = 120


def titles(result: Refinement) -> Dict[int, str]:
    """Class index -> unique name."""
    return metrics.class_titles({label: count.name for label, count in result.classes.items()})


def report(result: Refinement, data: str = "") -> Report:
    """The headline and the page.

    Args:
        result: what was kept.
        data: TFRecords of the clips, for spectrograms and audio; empty: none.

    Raises:
        UserError: what `excerpts.excerpts` raises.
    """
    return Report(_headline(result), {"report.html": _page(result, data)})


def _headline(result: Refinement) -> str:
    names = titles(result)
    shown = sorted(result.classes, key=lambda label: (result.classes[label].kept_share, label))[:_CLASSES_IN_HEADLINE]
    counts = [(names[label], result.classes[label]) for label in shown]
    rows = [
        [title, count.clips, count.windows / count.clips, count.kept_windows / count.clips, count.kept_share]
        for title, count in counts
    ]
    table = wording.table(["class", "clips", "windows/clip", "kept/clip", "share kept"], rows)
    rest = f"the {len(shown)} classes of {len(names)} that keep least; " if len(shown) < len(names) else ""
    return f"{table}{rest}{'; '.join(_counts(result))}"


def _counts(result: Refinement) -> List[str]:
    """What was left out or kept by a rule, as text."""
    texts = [
        f"{len(result.clip_ids):,} clips, {result.num_windows:,} windows",
        f"{result.num_empty_windows:,} windows keep no label",
    ]
    if result.num_without_label:
        texts.append(f"{result.num_without_label:,} clips have no label")
    if result.num_unknown:
        texts.append(f"{result.num_unknown:,} labels are of classes that the model does not know: they stay")
    if result.num_zero:
        texts.append(f"{result.num_zero:,} labels have the score 0 throughout their clip: they stay")
    return texts


def _page(result: Refinement, data: str) -> str:
    info, names = result.info, page.readable(titles(result))
    shares = {label: count.kept_share for label, count in result.classes.items()}
    clips = {label: count.clips for label, count in result.classes.items()}
    ends = ("classes that keep most", "classes that keep least")
    media = excerpts.excerpts(data, [Excerpt(example.clip_id) for example in result.examples], info.front_end_id)
    facts = [
        ("scores", f"{info.model_id}, front end {info.front_end_id}"),
        ("windows", wording.windows(info.window_seconds, info.hop_seconds)),
        ("threshold", f"{info.threshold:g}"),
        *((f"counted, {i + 1}", text) for i, text in enumerate(_counts(result))),
        ("digest of the clips", result.about()["clips_digest"]),
        ("code version", info.code_version),
    ]
    return page.render(
        "refinement.html.jinja",
        [],
        facts,
        info=info,
        kept_share=result.kept_share,
        num_clips=len(result.clip_ids),
        empty_share=result.num_empty_windows / result.num_windows,
        class_groups=class_chart.class_groups([shares], clips, names, ends),
        examples=[_example(one, result, names[one.label], media.get(Excerpt(one.clip_id))) for one in result.examples],
        colour_scale=excerpts.colour_scale() if data and result.examples else "",
    )


def _example(example: Example, result: Refinement, title: str, media: Any) -> Dict[str, Any]:
    """A clip for the template: its windows as rectangles on a time axis, the curve of scores, and the audio."""
    info, starts = result.info, example.window_start_seconds
    end = media["seconds"] if media else float(starts[-1] + info.window_seconds)
    scale = _WIDTH / end
    margin = (info.window_seconds - info.hop_seconds) / 2  # windows that overlap are shown by their middles
    cells = [
        {
            "left": scale * (start + margin),
            "width": scale * min(info.hop_seconds, end - start - margin),
            "y": _CURVE_HEIGHT * (1 - score),
            "is_kept": is_kept,
            "title": f"{start:.2f} s: {score:.2f} of the largest score",
        }
        for start, score, is_kept in zip(starts.tolist(), example.scores.tolist(), example.is_kept.tolist())
        if start + margin < end
    ]
    return {
        "clip_id": example.clip_id,
        "title": title,
        "kept": int(example.is_kept.sum()),
        "num_windows": len(starts),
        "seconds": end,
        "media": media,
        "cells": cells,
        "width": _WIDTH,
        "height": _CURVE_HEIGHT,
        "threshold_y": _CURVE_HEIGHT * (1 - info.threshold),
        "ticks": [{"x": scale * second, "text": second} for second in _seconds(end)],
    }


def _seconds(end: float) -> List[int]:
    """Whole seconds for the time axis, about ten of them."""
    step = max(1, round(end / 10))
    return list(range(0, int(end) + 1, step))
