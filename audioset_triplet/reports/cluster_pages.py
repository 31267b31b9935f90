"""The report of a clustering: a page of all clusters, and one for each of the largest.

The pages are self-contained and link to each other alone, so that the folder can be moved.
"""

import collections
import math
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from audioset_triplet.config.evaluation import ClusterReportConfig
from audioset_triplet.evaluation import cluster_metrics, metrics
from audioset_triplet.evaluation.cluster_metrics import ClusterComparison
from audioset_triplet.losses import cluster_usage
from audioset_triplet.reports import excerpts, page
from audioset_triplet.reports.excerpts import Excerpt
from audioset_triplet.reports.page import Facts, Report
from audioset_triplet.store.assignments import Assignments

_NUM_PROBABLE = 8  # members on a page, of the highest probability
_NUM_DRAWN = 8  # and others drawn at random
_NUM_CLASSES = 5  # most common classes, with their shares


def report(comparison: ClusterComparison, config: ClusterReportConfig, data: str = "") -> Report:
    """The headline, report.html, and clusters/NUMBER.html for each of the largest clusters.

    Args:
        comparison: the assignments and their metrics.
        config: how many clusters get a page, and the seed of the members that are drawn.
        data: TFRecords of the clips, for spectrograms and audio; empty: none.

    Raises:
        UserError: what `excerpts.excerpts` raises.
    """
    info = comparison.assignments.info
    num_units = len(comparison.assignments.clusters)
    facts = [
        ("embeddings", f"{info.model_id}, front end {info.front_end_id}"),
        ("clustered", f"{num_units:,} {info.unit}, {info.num_clusters:,} clusters, {info.method}"),
        ("members at random", f"seed {config.seed}"),
    ]
    return Report(_headline(comparison), _pages(comparison, config, data, facts))


def _headline(comparison: ClusterComparison) -> str:
    """A line for each of the assignments."""
    lines = []
    for name, measured in ((one.name, one.result) for one in comparison.results):
        usage = f"{measured.num_used:,} of {len(measured.counts):,} clusters in use"
        effective = f"effective number {measured.effective_number:,.1f}"
        agreement, agrees = measured.agreement, ""
        if agreement:
            agrees = f", purity {agreement.purity:.3f}, NMI {agreement.nmi:.3f}, V-measure {agreement.v_measure:.3f}"
        lines.append(f"{name}: {int(measured.counts.sum()):,} members, {usage}, {effective}{agrees}")
    return "\n".join(lines)


def _pages(comparison: ClusterComparison, config: ClusterReportConfig, data: str, facts: Facts) -> Dict[str, str]:
    assignments, counts = comparison.assignments, comparison.results[0].result.counts
    unit = assignments.info.unit
    largest = _describe_largest(comparison, config, data)
    pages = {
        "report.html": page.render(
            "clusters.html.jinja",
            comparison.results,
            facts,
            unit=unit,
            num_units=len(assignments.clusters),
            log_clusters=math.log(len(counts)),
            log_units=math.log(len(assignments.clusters)),
            histogram=_histogram(counts),
            largest=largest,
        )
    }
    scale = excerpts.colour_scale() if data else ""
    for cluster in largest:
        pages[f"clusters/{cluster['page']}"] = page.render(
            "cluster.html.jinja", [], facts, cluster=cluster, unit=unit, colour_scale=scale
        )
    return pages


def _describe_largest(comparison: ClusterComparison, config: ClusterReportConfig, data: str) -> List[Dict[str, Any]]:
    """The largest clusters for the templates."""
    assignments, counts = comparison.assignments, comparison.results[0].result.counts
    order = np.argsort(-counts, kind="stable")[: config.pages]
    numbers = [number for number in order.tolist() if counts[number]]
    members = _members(assignments, numbers)
    labels = cluster_metrics.labels_of(assignments, comparison.clips)
    titles = page.readable(metrics.class_titles(comparison.clips.class_names))
    shown = {number: _choose(assignments, members[number], config.seed) for number in numbers}
    shown_rows = [row for probable, drawn in shown.values() for row in [*probable, *drawn]]
    media = excerpts.excerpts(data, [_excerpt(assignments, row) for row in shown_rows], assignments.info.front_end_id)

    def describe_member(row: int) -> Dict[str, Any]:
        excerpt = _excerpt(assignments, row)
        start = assignments.window_start_seconds[row]
        return {
            "clip_id": excerpt.clip_id,
            "time": "" if np.isnan(start) else f"{start:.2f} s",
            "probability": float(assignments.probabilities[row]),
            "classes": ", ".join(titles[label] for label in labels[row]) or "no class",
            "media": media.get(excerpt),
        }

    return [
        {
            "number": number,
            "rank": index + 1,
            "page": f"{number}.html",
            "num_members": len(members[number]),
            "mean_probability": float(assignments.probabilities[members[number]].mean()),
            "classes": _class_shares([labels[row] for row in members[number]], titles),
            "probable": [describe_member(row) for row in shown[number][0]],
            "drawn": [describe_member(row) for row in shown[number][1]],
        }
        for index, number in enumerate(numbers)
    ]


def _members(assignments: Assignments, numbers: Sequence[int]) -> Dict[int, np.ndarray]:
    """The rows of each of these clusters, by descending probability."""
    rows = np.flatnonzero(np.isin(assignments.clusters, numbers))
    rows = rows[np.lexsort([-assignments.probabilities[rows], assignments.clusters[rows]])]
    clusters, starts = np.unique(assignments.clusters[rows], return_index=True)
    return dict(zip(clusters.tolist(), np.split(rows, starts[1:])))


def _choose(assignments: Assignments, rows: np.ndarray, seed: int) -> Tuple[List[int], List[int]]:
    """The most probable members of a cluster, and some of the others at random."""
    rest = rows[_NUM_PROBABLE:]
    random = np.random.default_rng([seed, int(assignments.clusters[rows[0]])])
    return rows[:_NUM_PROBABLE].tolist(), random.permutation(rest)[:_NUM_DRAWN].tolist()


def _excerpt(assignments: Assignments, row: int) -> Excerpt:
    clip_id, start = assignments.clip_ids[row], float(assignments.window_start_seconds[row])
    return Excerpt(clip_id) if math.isnan(start) else Excerpt(clip_id, start)


def _class_shares(labels: Sequence[Tuple[int, ...]], titles: Dict[int, str]) -> List[Dict[str, Any]]:
    """The most common classes of some members, with the share of the members that have them."""
    counts = collections.Counter(label for member_labels in labels for label in member_labels)
    ranked = sorted(counts, key=lambda label: (-counts[label], label))[:_NUM_CLASSES]
    return [{"title": titles[label], "share": counts[label] / len(labels)} for label in ranked]


def _histogram(counts: np.ndarray) -> List[Dict[str, Any]]:
    bins = cluster_usage.occupancy_histogram(counts)
    longest = math.log1p(max(bins.values()))
    return [{"members": name, "count": count, "width": math.log1p(count) / longest} for name, count in bins.items()]
