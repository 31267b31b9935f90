"""What a clustering is like: how its clusters are used, and how well they agree with labels.

Agreement is that of two partitions of what has labels, and asks nothing about which cluster is which class. A clip
with several labels counts in parts, 1 / L in each of its L classes: the numbers are those of a clip drawn at random, of
which a label is drawn at random. With one label each they are scikit-learn's.

Shapes: n clips or windows, K clusters, C classes.
"""

import dataclasses
from typing import Dict, Optional, Sequence, Tuple, Union

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.losses import cluster_usage
from audioset_triplet.store.assignments import Assignments
from audioset_triplet.store.stored_clips import Clips

_RARE = 1e-12


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Of clusters with classes; all from 0 to 1."""

    num_labelled: int  # clips or windows with labels, which alone count here
    num_classes: int
    purity: float  # share that has the commonest label of its cluster
    nmi: float  # mutual information of cluster and class, over the mean of their entropies
    homogeneity: float  # share of the entropy of the class that the cluster takes away
    completeness: float  # share of the entropy of the cluster that the class takes away
    v_measure: float  # harmonic mean of the two (Rosenberg & Hirschberg 2007), which is nmi, if neither has one value


@dataclasses.dataclass(frozen=True)
class Clustering:
    """What was measured of some assignments."""

    counts: np.ndarray  # int64 [K], members of each cluster
    mean_probability: float
    agreement: Optional[Agreement]  # None where nothing has a label

    @property
    def num_used(self) -> int:
        """Clusters that have members."""
        return int(np.count_nonzero(self.counts))

    @property
    def effective_number(self) -> float:
        """Equally large clusters of the same entropy."""
        return cluster_usage.effective_number(self.counts)

    @property
    def entropy(self) -> float:
        """Of the sizes of the clusters, in nats; at most the lower of ln K and ln n."""
        return float(np.log(max(self.effective_number, 1.0)))


def measure(assignments: Assignments, clips: Clips) -> Clustering:
    """Measures assignments of some clips or of their windows.

    Raises:
        UserError: a clip is not among `clips`.
    """
    counts = np.bincount(assignments.clusters, minlength=assignments.info.num_clusters)
    labels = labels_of(assignments, clips)
    mean = float(np.mean(assignments.probabilities, dtype=np.float64))
    return Clustering(counts, mean, agreement(assignments.clusters, labels) if any(labels) else None)


def labels_of(assignments: Assignments, clips: Clips) -> Sequence[Tuple[int, ...]]:
    """The labels of each row; a UserError if a clip is not among `clips`."""
    labels = dict(zip(clips.clip_ids, clips.labels))
    missing = next((clip_id for clip_id in assignments.clip_ids if clip_id not in labels), None)
    if missing is not None:
        raise UserError(f"the embeddings hold no clip {missing}, which the assignments have: give those they are of.")
    return [labels[clip_id] for clip_id in assignments.clip_ids]


def agreement(clusters: np.ndarray, labels: Sequence[Tuple[int, ...]]) -> Agreement:
    """How well clusters and classes agree.

    Of the table [K, C] only the cells that are not empty are ever held.

    Args:
        clusters: int [n].
        labels: [n], the classes of each; empty ones do not count. At least one has a label.
    """
    lengths = np.fromiter(map(len, labels), np.int64, len(labels))
    rows = np.repeat(np.arange(len(labels)), lengths)
    _, row_clusters = np.unique(clusters[rows], return_inverse=True)
    classes, row_classes = np.unique(np.concatenate([np.asarray(one, np.int64) for one in labels]), return_inverse=True)
    cells, row_cells = np.unique(row_clusters * len(classes) + row_classes, return_inverse=True)
    total = int(np.count_nonzero(lengths))

    shares = np.bincount(row_cells, 1 / lengths[rows]) / total  # of each cell
    of_clusters, of_classes = cells // len(classes), cells % len(classes)
    cluster_shares, class_shares = np.bincount(of_clusters, shares), np.bincount(of_classes, shares)
    of_cluster, of_class, of_both = (_entropy(one) for one in (cluster_shares, class_shares, shares))
    information = max(of_cluster + of_class - of_both, 0.0)

    members = np.bincount(row_cells)  # of each cell, in whole
    commonest = np.zeros(len(cluster_shares), np.int64)
    np.maximum.at(commonest, of_clusters, members)

    homogeneity = information / of_class if of_class > _RARE else 1.0
    completeness = information / of_cluster if of_cluster > _RARE else 1.0
    both = homogeneity + completeness
    neither = of_class + of_cluster <= _RARE
    return Agreement(
        num_labelled=total,
        num_classes=len(classes),
        purity=float(commonest.sum() / total),
        nmi=1.0 if neither else 2 * information / (of_class + of_cluster),
        homogeneity=homogeneity,
        completeness=completeness,
        v_measure=2 * homogeneity * completeness / both if both else 0.0,
    )


def _entropy(shares: np.ndarray) -> float:
    used = shares[shares > 0]
    return float(-(used * np.log(used)).sum())


def flat_numbers(clustering: Clustering, prefix: str = "cluster") -> Dict[str, Union[int, float]]:
    """The numbers under flat keys: PREFIX/num_used, PREFIX/effective_number, and with labels PREFIX/nmi and so on."""
    counts = clustering.counts
    numbers: Dict[str, Union[int, float]] = {
        "num_units": int(counts.sum()),
        "num_clusters": len(counts),
        "num_used": clustering.num_used,
        "num_of_one": int(np.count_nonzero(counts == 1)),
        "largest": int(counts.max()),
        "effective_number": clustering.effective_number,
        "entropy": clustering.entropy,
        "mean_probability": clustering.mean_probability,
        **(dataclasses.asdict(clustering.agreement) if clustering.agreement else {}),
    }
    return {f"{prefix}/{name}": value for name, value in numbers.items()}


def headline(results: Dict[str, Clustering]) -> str:
    """A line to print for each named clustering."""
    lines = []
    for name, one in results.items():
        used = f"{one.num_used:,} of {len(one.counts):,} clusters in use, effective number {one.effective_number:,.1f}"
        found = one.agreement
        agrees = f", purity {found.purity:.3f}, NMI {found.nmi:.3f}, V-measure {found.v_measure:.3f}" if found else ""
        lines.append(f"{name}: {int(one.counts.sum()):,} members, {used}{agrees}")
    return "\n".join(lines)
