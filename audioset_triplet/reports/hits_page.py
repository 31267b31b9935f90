"""The report of a search: the hits of each query, to be heard and seen, beside scores of windows drawn at random.

Shapes: S windows drawn at random, D embedding size.
"""

from typing import Any, Dict, List, Sequence

import numpy as np
import pyarrow as pa

import audioset_triplet
from audioset_triplet.config.search import HitsPageConfig
from audioset_triplet.plurals import counted
from audioset_triplet.reports import excerpts, page
from audioset_triplet.reports.excerpts import Excerpt
from audioset_triplet.reports.page import Report
from audioset_triplet.reports.plots import Plot, linear_axis, share_axis
from audioset_triplet.search.best import Wanted
from audioset_triplet.search.queries import Query
from audioset_triplet.search.windows import START
from audioset_triplet.store.embedding_parts import StoreInfo

_CONTEXT_SECONDS = 1.0  # that is played before and after a window
_NUM_BINS = 48
_WIDTH, _HEIGHT = 640, 170  # of a histogram, in pixels


def report(
    queries: Sequence[Query],
    wanted: Sequence[Wanted],
    hits: pa.Table,
    drawn: np.ndarray,
    store: StoreInfo,
    config: HitsPageConfig,
) -> Report:
    """The headline and hits.html.

    Args:
        queries: what was searched for.
        wanted: how windows score, for each query.
        hits: of `Index.search`.
        drawn: windows drawn at random [S, D].
        store: what was searched.
        config: what is shown.

    Raises:
        UserError: what `excerpts.excerpts` raises.
    """
    indices = hits["query"].to_numpy()
    of_queries = [hits.filter(pa.array(indices == index)) for index in range(len(queries))]
    shown = [of_query.slice(0, config.hits_on_page).to_pylist() for of_query in of_queries]
    audio = [_excerpt(hit) for of_query in shown for hit in of_query]
    media = excerpts.excerpts(config.data, audio, store.front_end_id, config.audio)
    described: List[Dict[str, Any]] = []
    for query, one, of_query, first_hits in zip(queries, wanted, of_queries, shown):
        described.append(
            {
                "text": query.text,
                "num_hits": of_query.num_rows,
                "histogram": _histogram(one.scoring.scores(drawn), of_query["score"].to_numpy()),
                "hits": [_described(hit, media.get(_excerpt(hit))) for hit in first_hits],
            }
        )
    facts = [
        ("embeddings", f"{store.model_id}, front end {store.front_end_id}"),
        ("windows drawn at random", f"{len(drawn):,}"),
        ("code version", audioset_triplet.__version__),
    ]
    scale = excerpts.colour_scale() if media else ""
    counts = f"{counted(len(queries), 'query')}, {counted(hits.num_rows, 'hit')}"
    html = page.render(
        "hits.html.jinja",
        [],
        facts,
        counts=counts,
        queries=described,
        num_drawn=len(drawn),
        colour_scale=scale,
        context=_CONTEXT_SECONDS,
    )
    return Report(counts, {"hits.html": html})


def _excerpt(hit: Dict[str, Any]) -> Excerpt:
    return Excerpt(hit["clip_id"], hit[START], _CONTEXT_SECONDS)


def _described(hit: Dict[str, Any], media: Any) -> Dict[str, Any]:
    classes = ", ".join(name.replace("_", " ") for name in hit["label_names"])
    return {**hit, "time": f"{hit[START]:.2f} s", "classes": classes or "no class", "media": media}


def _histogram(random_scores: np.ndarray, scores: np.ndarray) -> Dict[str, Any]:
    """Bars of random windows upwards and of hits in front of them, each as shares of the largest of its kind."""
    values = np.concatenate([random_scores, scores]).astype(np.float64)
    edges = np.histogram_bin_edges(values, _NUM_BINS)
    frame = Plot(linear_axis("cosine with the query", values), share_axis(""), _WIDTH, _HEIGHT, 12, _WIDTH - 12, 8, 126)
    bars = []
    for name, of_kind in (("random windows", random_scores), ("hits", scores)):
        counts, _ = np.histogram(of_kind, edges)
        for low, high, count in zip(edges[:-1], edges[1:], counts.tolist()):
            if count:
                bars.append(
                    {
                        "kind": name.split()[0],
                        "x": frame.x(low),
                        "width": max(1.0, frame.x(high) - frame.x(low)),
                        "y": frame.y(count / counts.max()),
                        "text": f"{counted(count, name[:-1])} from {low:.3f} to {high:.3f}",
                    }
                )
    return {
        "frame": frame,
        "bars": bars,
        "last": float(scores[-1]) if len(scores) else None,
        "num_above": int((random_scores >= scores[-1]).sum()) if len(scores) else 0,
    }
