"""The page about coincidence: how well it is told, how sure the network may be, and examples to look at."""

import io
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
from PIL import Image
from scipy.special import expit

from audioset_triplet.evaluation.coincidence import Coincidence, Sample
from audioset_triplet.reports import images, page

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 420, 300, 52, 412, 10, 250
_HISTOGRAM_BINS = 20
_TITLES = {"av": "sounds and pictures", "aa": "two sounds"}
_HEADINGS = {"av": "A sound and a picture", "aa": "A sound and another"}
_NUM_ASKED, _NUM_SHOWN = 8, 4


def render(
    sample: Sample, class_titles: Dict[int, str], reach_seconds: float, facts: Sequence[Tuple[str, str]], seed: int
) -> str:
    """The page as text.

    Args:
        sample: what was measured.
        class_titles: class index -> name.
        reach_seconds: how far apart what coincides may be.
        facts: (what, value) pairs for the foot of the page.
        seed: of the examples.
    """
    ticks = [{"x": _x(i / 5), "y": _y(i / 5), "text": f"{i / 5:g}"} for i in range(6)]
    box = {"left": _LEFT, "right": _RIGHT, "top": _TOP, "bottom": _BOTTOM}
    return page.render(
        "coincidence.html.jinja",
        [],
        facts,
        parts=[_part(kind, result) for kind, result in sample.results.items()],
        plot={"width": _WIDTH, "height": _HEIGHT, "ticks": ticks, **box},
        num_clips=len(set(sample.clip_ids)),
        num_moments=len(sample.clip_ids),
        reach=f"{reach_seconds:g}",
        asked=[] if sample.pictures is None else _asked(sample, sample.pictures, page.readable(class_titles), seed),
    )


def _x(share: float) -> float:
    return _LEFT + share * (_RIGHT - _LEFT)


def _y(share: float) -> float:
    return _BOTTOM - share * (_BOTTOM - _TOP)


def _part(kind: str, result: Coincidence) -> Dict[str, Any]:
    dots = [
        {
            "x": _x(one.said),
            "y": _y(one.found),
            "radius": 3 + 12 * one.share**0.5,
            "text": f"says {one.said:.2f}, is {one.found:.2f}: {100 * one.share:.1f}% of the pairs",
        }
        for one in result.bins
    ]
    return {
        "title": _TITLES[kind],
        "heading": _HEADINGS[kind],
        "result": result,
        "num_coincide": int(result.coincide.sum()),
        "num_apart": int(result.apart.sum()),
        "dots": dots,
        "line": " ".join(f"{dot['x']:.1f},{dot['y']:.1f}" for dot in dots),
        "bars": _bars(result),
    }


def _bars(result: Coincidence) -> List[Dict[str, Any]]:
    said = expit(result.scores)
    parts = {kind: _histogram(said[pairs]) for kind, pairs in (("coincide", result.coincide), ("apart", result.apart))}
    highest = max(shares.max() for shares in parts.values())
    width = (_RIGHT - _LEFT) / _HISTOGRAM_BINS
    return [
        {
            "kind": kind,
            "x": _x(index / _HISTOGRAM_BINS) + 1 + (width / 2 - 1) * (kind == "apart"),
            "y": _y(share / highest),
            "width": width / 2 - 1,
            "text": f"{100 * share:.1f}% between {index / _HISTOGRAM_BINS:g} and {(index + 1) / _HISTOGRAM_BINS:g}",
        }
        for kind, shares in parts.items()
        for index, share in enumerate(shares)
    ]


def _histogram(values: np.ndarray) -> np.ndarray:
    counts, _ = np.histogram(values, _HISTOGRAM_BINS, (0, 1))
    return counts / counts.sum()


def _asked(sample: Sample, shown_pictures: np.ndarray, class_titles: Dict[int, str], seed: int) -> List[Dict[str, Any]]:
    """Some windows with their own picture, and those of others that are the most and the least likely."""
    result = sample.results["av"]
    said = expit(result.scores)
    has_own = np.flatnonzero(np.diag(result.coincide))
    rows = np.random.default_rng(seed).permutation(has_own)[:_NUM_ASKED]

    def classes(index: int) -> str:
        return ", ".join(class_titles[label] for label in sample.labels[index]) or "no label"

    def picture(row: int, column: int, role: str, colour: str) -> Dict[str, Any]:
        image = page.data_uri("image/jpeg", _jpeg(shown_pictures[column]))
        return {
            "data": image,
            "role": role,
            "edge": colour,
            "classes": classes(column),
            "probability": said[row, column],
        }

    asked = []
    for row in rows:
        order = [column for column in np.argsort(-said[row]) if result.apart[row, column]]
        order = _one_of_each_clip(order, sample.clip_ids)
        shown = [picture(row, row, "own", "var(--model)")]
        shown += [picture(row, column, "likely", "var(--right)") for column in order[:_NUM_SHOWN]]
        shown += [picture(row, column, "unlikely", "var(--wrong)") for column in order[_NUM_SHOWN:][-_NUM_SHOWN:]]
        waveform = sample.waveforms[row] / 32768
        asked.append(
            {
                "clip_id": sample.clip_ids[row],
                "classes": classes(row),
                "spectrogram": page.data_uri("image/png", images.spectrogram(waveform)),
                "sound": page.data_uri("audio/mpeg", images.mp3(waveform)),
                "pictures": shown,
            }
        )
    return asked


def _one_of_each_clip(order: Sequence[int], clip_ids: Sequence[str]) -> List[int]:
    first: Dict[str, int] = {}
    for column in order:
        first.setdefault(clip_ids[column], column)
    return list(first.values())


def _jpeg(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=85)
    return file.getvalue()
