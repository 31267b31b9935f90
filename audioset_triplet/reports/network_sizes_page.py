"""The sizes of architectures as text and as a page."""

from typing import Any, Dict, List, Optional

import tensorflow as tf

import audioset_triplet
from audioset_triplet import distribution
from audioset_triplet.config.description import DescriptionConfig
from audioset_triplet.evaluation.network_sizes import Description
from audioset_triplet.models import sizes
from audioset_triplet.reports import page
from audioset_triplet.reports.page import Report

_UNITS = ((1e9, "B"), (1e6, "M"), (1e3, "K"), (1, ""))
_TITLES = ("layers", "weights", "published", "ratio", "multiplications", "published", "ratio", "windows/s")
_NAME_WIDTH = 20  # of the first column, in characters
UNKNOWN = "–"


def report(config: DescriptionConfig, descriptions: List[Description]) -> Report:
    """The table, without columns that nothing is known of, as the headline, and the page."""
    rows = [(one.architecture, _texts(one)) for one in descriptions]
    shown = [place for place in range(len(_TITLES)) if any(texts[place] != UNKNOWN for _, texts in rows)]
    titles = [_TITLES[place] for place in shown]
    rows = [(name, [texts[place] for place in shown]) for name, texts in rows]
    widths = [max(map(len, column)) + 2 for column in zip(titles, *(texts for _, texts in rows))]
    lines = [("architecture", titles), *rows]
    headline = "\n".join(
        f"{name:{_NAME_WIDTH}}" + "".join(f"{text:>{width}}" for text, width in zip(texts, widths))
        for name, texts in lines
    )
    html = page.render(
        "network_sizes.html.jinja",
        [],
        _facts(config),
        titles=titles,
        rows=rows,
        speeds=_bars({one.architecture: one.windows_per_second for one in descriptions}),
        batch_size=config.batch_size,
    )
    return Report(headline, {"report.html": html})


def _texts(one: Description) -> List[str]:
    weights, multiplications = one.size.weights, one.size.multiplications
    published = (one.published.weights, one.published.multiplications) if one.published else (None, None)
    return [
        str(one.size.layers),
        *_beside(weights, published[0]),
        *_beside(multiplications, published[1]),
        UNKNOWN if one.windows_per_second is None else f"{one.windows_per_second:,.3g}",
    ]


def _beside(count: int, published: Optional[str]) -> List[str]:
    """A count, the published one and their ratio."""
    if published is None:
        return [short(count), UNKNOWN, UNKNOWN]
    return [short(count), published, f"{count / sizes.number_of(published):.3f}"]


def short(count: float) -> str:
    """Four digits of a count: 37338464 -> 37.34M."""
    size, unit = next((size, unit) for size, unit in _UNITS if count >= size or size == 1)
    return f"{count / size:.4g}{unit}"


def _bars(rates: Dict[str, Optional[float]]) -> List[Dict[str, Any]]:
    """The measured rates, and each as percent of the highest."""
    measured = {name: rate for name, rate in rates.items() if rate is not None}
    highest = max(measured.values(), default=1.0)
    return [{"name": name, "text": f"{rate:,.3g}", "percent": 100 * rate / highest} for name, rate in measured.items()]


def _facts(config: DescriptionConfig) -> List[Any]:
    network = config.network
    return [
        ("front end", network.front_end),
        ("width", f"{network.width:g}"),
        (
            "stem stride and blocks of a ResNet",
            f"{network.resnet.stem_stride}; {', '.join(map(str, network.resnet.blocks))}",
        ),
        ("machine", distribution.machine()),
        ("TensorFlow", tf.__version__),
        ("code version", audioset_triplet.__version__),
    ]
