"""The pages of a clustering: one of all clusters, and one for each of the largest.

They hold what they show and link to each other alone, so that the folder can go anywhere.
"""

import collections
import math
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from audioset_triplet.evaluation import clustering
from audioset_triplet.frontend import constants
from audioset_triplet.losses import cluster_usage
from audioset_triplet.reports import excerpts, page
from audioset_triplet.reports.excerpts import Excerpt
from audioset_triplet.reports.page import NamedResult
from audioset_triplet.store.assignments import Assignments
from audioset_triplet.store.stored_clips import Clips

_SUREST = 8  # members on a page
_DRAWN = 8
_CLASSES = 5  # whose share is named
_WINDOW_SECONDS = constants.WINDOW_SAMPLES / constants.SAMPLE_RATE_HZ


def render(
    assignments: Assignments,
    clips: Clips,
    class_titles: Dict[int, str],
    sets: Sequence[NamedResult],
    facts: Sequence[Tuple[str, str]],
    num_pages: int,
    seed: int,
    data: str = "",
) -> Dict[str, str]:
    """File name -> page: report.html, and clusters/NUMBER.html for each of the largest clusters.

    Args:
        assignments: of the first set.
        clips: what was clustered, or whose windows.
        class_titles: class index -> unique name.
        sets: the results (`clusters.Clustering`), that of `assignments` first.
        facts: (what, value) pairs for the foot of the pages.
        num_pages: how many clusters have a page.
        seed: of the members that are drawn by lot.
        data: TFRecords of the clips, for spectrograms and sounds; empty: none.

    Raises:
        UserError: what `media.excerpts` and `clusters.labels_of` raise.
    """
    result: clustering.Clustering = sets[0].result
    order = np.argsort(-result.counts, kind="stable")[:num_pages]
    largest = [number for number in order.tolist() if result.counts[number]]
    by_cluster = _members(assignments, largest)
    labels, titles = clustering.labels_of(assignments, clips), page.readable(class_titles)
    shown = {number: _chosen(assignments, by_cluster[number], seed) for number in largest}
    wanted = [_excerpt(assignments, row) for rows in shown.values() for part in rows for row in part]
    found = excerpts.excerpts(data, wanted)

    def member(row: int) -> Dict[str, Any]:
        excerpt = _excerpt(assignments, row)
        start = assignments.window_start_seconds[row]
        return {
            "clip_id": excerpt.clip_id,
            "time": "" if np.isnan(start) else f"{start:.2f} s",
            "probability": float(assignments.probabilities[row]),
            "classes": ", ".join(titles[label] for label in labels[row]) or "no class",
            "media": found.get(excerpt),
        }

    described: List[Dict[str, Any]] = []
    for place, number in enumerate(largest):
        rows = by_cluster[number]
        surest, drawn = shown[number]
        described.append(
            {
                "number": number,
                "place": place + 1,
                "page": f"{number}.html",
                "num_members": len(rows),
                "mean_probability": float(assignments.probabilities[rows].mean()),
                "classes": _shares([labels[row] for row in rows], titles),
                "surest": [member(row) for row in surest],
                "drawn": [member(row) for row in drawn],
            }
        )
    unit, num_units = assignments.info.unit, len(assignments.clusters)
    pages = {
        "report.html": page.render(
            "clusters.html.jinja",
            sets,
            facts,
            unit=unit,
            num_units=num_units,
            log_clusters=math.log(len(result.counts)),
            log_units=math.log(num_units),
            histogram=_histogram(result.counts),
            largest=described,
        )
    }
    scale = excerpts.colour_scale() if data else ""
    for one in described:
        values = {"cluster": one, "unit": unit, "colour_scale": scale}
        pages[f"clusters/{one['page']}"] = page.render("cluster.html.jinja", [], facts, **values)
    return pages


def _members(assignments: Assignments, wanted: Sequence[int]) -> Dict[int, np.ndarray]:
    """The rows of each wanted cluster, the surest first."""
    rows = np.flatnonzero(np.isin(assignments.clusters, wanted))
    rows = rows[np.lexsort([-assignments.probabilities[rows], assignments.clusters[rows]])]
    found, starts = np.unique(assignments.clusters[rows], return_index=True)
    return dict(zip(found.tolist(), np.split(rows, starts[1:])))


def _chosen(assignments: Assignments, rows: np.ndarray, seed: int) -> Tuple[List[int], List[int]]:
    """The surest members of a cluster, and some of the others by lot."""
    rest = rows[_SUREST:]
    random = np.random.default_rng([seed, int(assignments.clusters[rows[0]])])
    return rows[:_SUREST].tolist(), random.permutation(rest)[:_DRAWN].tolist()


def _excerpt(assignments: Assignments, row: int) -> Excerpt:
    clip_id, start = assignments.clip_ids[row], float(assignments.window_start_seconds[row])
    return Excerpt(clip_id) if math.isnan(start) else Excerpt(clip_id, start, _WINDOW_SECONDS)


def _shares(labels: Sequence[Tuple[int, ...]], titles: Dict[int, str]) -> List[Dict[str, Any]]:
    """The commonest classes of some members, with the share of the members that have them."""
    counts = collections.Counter(label for one in labels for label in one)
    ranked = sorted(counts, key=lambda label: (-counts[label], label))[:_CLASSES]
    return [{"title": titles[label], "share": counts[label] / len(labels)} for label in ranked]


def _histogram(counts: np.ndarray) -> List[Dict[str, Any]]:
    bins = cluster_usage.occupancy_histogram(counts)
    longest = math.log1p(max(bins.values()))
    return [{"members": name, "count": count, "width": math.log1p(count) / longest} for name, count in bins.items()]
