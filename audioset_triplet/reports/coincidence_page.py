"""The report of a coincidence evaluation: metrics, a reliability diagram, and examples."""

import io
from typing import Any, Dict, List, Sequence

import numpy as np
from PIL import Image
from scipy.special import expit

import audioset_triplet
from audioset_triplet.evaluation import metrics
from audioset_triplet.evaluation.coincidence import CoincidenceResult, PairMetrics
from audioset_triplet.frontend import registry
from audioset_triplet.media import pcm
from audioset_triplet.reports import images, page, plots
from audioset_triplet.reports.page import Report

_PLOT = plots.reliability_plot("predicted probability of coincidence", "observed share of positive pairs")
_HISTOGRAM_BINS = 20
_TITLES = {"av": "audio and image", "aa": "audio and audio"}
_HEADINGS = {"av": "A window of audio and an image", "aa": "Two windows of audio"}
_NUM_QUERIES, _NUM_SHOWN = 8, 4


def report(result: CoincidenceResult) -> Report:
    """The headline and the page."""
    lines = [
        f"{head}: AUC {pairs.auc:.3f}, calibration error {pairs.calibration_error:.3f}"
        for head, pairs in result.pairs.items()
    ]
    return Report("\n".join(lines), {"report.html": _page(result)})


def _page(result: CoincidenceResult) -> str:
    facts = [
        ("network", f"{result.workdir}, {result.stage.training.steps:,} steps"),
        ("clips", f"{result.num_clips}, digest {result.clips_digest}"),
        ("examples", f"{len(result.clip_ids)}, seed {result.config.seed}"),
        ("code version", audioset_triplet.__version__),
    ]
    return page.render(
        "coincidence.html.jinja",
        [],
        facts,
        heads=[_describe_pairs(head, pairs) for head, pairs in result.pairs.items()],
        plot=_PLOT,
        num_clips=result.num_clips,
        num_examples=len(result.clip_ids),
        max_gap=f"{result.stage.terms.coincidence_seconds:g}",
        queries=[] if result.images is None else _queries(result, result.images),
    )


def _describe_pairs(head: str, pairs: PairMetrics) -> Dict[str, Any]:
    return {
        "title": _TITLES[head],
        "heading": _HEADINGS[head],
        "metrics": pairs,
        "num_positive": int(pairs.positive.sum()),
        "num_negative": int(pairs.negative.sum()),
        "dots": plots.reliability_dots(_PLOT, pairs.bins, "pairs"),
        "bars": _bars(pairs),
    }


def _bars(pairs: PairMetrics) -> List[Dict[str, Any]]:
    predicted = expit(pairs.scores)
    masks = {"positive": pairs.positive, "negative": pairs.negative}
    histograms = {kind: _histogram(predicted[mask]) for kind, mask in masks.items()}
    highest = max(shares.max() for shares in histograms.values())
    width = (_PLOT.right - _PLOT.left) / _HISTOGRAM_BINS
    return [
        {
            "kind": kind,
            "x": _PLOT.x(index / _HISTOGRAM_BINS) + 1 + (width / 2 - 1) * (kind == "negative"),
            "y": _PLOT.y(share / highest),
            "width": width / 2 - 1,
            "text": f"{100 * share:.1f}% between {index / _HISTOGRAM_BINS:g} and {(index + 1) / _HISTOGRAM_BINS:g}",
        }
        for kind, shares in histograms.items()
        for index, share in enumerate(shares)
    ]


def _histogram(values: np.ndarray) -> np.ndarray:
    counts, _ = np.histogram(values, _HISTOGRAM_BINS, (0, 1))
    return counts / counts.sum()


def _queries(result: CoincidenceResult, shown_images: np.ndarray) -> List[Dict[str, Any]]:
    """Some windows with the image of their own recording, and the most and the least probable images of others."""
    pairs, seed = result.pairs["av"], result.config.seed
    titles = page.readable(metrics.class_titles(result.class_names))
    front_end = registry.by_name(result.stage.network.front_end)
    predicted = expit(pairs.scores)
    with_image = np.flatnonzero(np.diag(pairs.positive))
    rows = np.random.default_rng(seed).permutation(with_image)[:_NUM_QUERIES]

    def classes(index: int) -> str:
        return ", ".join(titles[label] for label in result.labels[index]) or "no label"

    def describe_image(row: int, column: int, role: str, colour: str) -> Dict[str, Any]:
        return {
            "data": page.data_uri("image/jpeg", _jpeg(shown_images[column])),
            "role": role,
            "edge": colour,
            "classes": classes(column),
            "probability": predicted[row, column],
        }

    queries = []
    for row in rows:
        order = [column for column in np.argsort(-predicted[row]) if pairs.negative[row, column]]
        order = _first_of_each_clip(order, result.clip_ids)
        shown = [describe_image(row, row, "same recording", "var(--model)")]
        shown += [describe_image(row, column, "most probable", "var(--right)") for column in order[:_NUM_SHOWN]]
        least = order[_NUM_SHOWN:][-_NUM_SHOWN:]
        shown += [describe_image(row, column, "least probable", "var(--wrong)") for column in least]
        waveform = pcm.to_waveform(result.waveforms[row])
        queries.append(
            {
                "clip_id": result.clip_ids[row],
                "classes": classes(row),
                "spectrogram": page.data_uri("image/png", images.spectrogram(waveform, front_end)),
                "audio": page.data_uri("audio/mpeg", images.mp3(waveform, front_end.sample_rate_hz)),
                "images": shown,
            }
        )
    return queries


def _first_of_each_clip(order: Sequence[int], clip_ids: Sequence[str]) -> List[int]:
    first: Dict[str, int] = {}
    for column in order:
        first.setdefault(clip_ids[column], column)
    return list(first.values())


def _jpeg(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=85)
    return file.getvalue()
