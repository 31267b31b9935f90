"""Metrics of cluster assignments: how the clusters are used, and how well they agree with labels.

Agreement compares two partitions of the labelled clips or windows; no cluster is matched to a class. A clip with L
labels counts 1 / L in each of its classes, as if one of its labels was drawn at random. With one label each, the
numbers are those of scikit-learn.

Shapes: n clips or windows, K clusters, C classes.
"""

import dataclasses
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.evaluation.comparisons import SetResult
from audioset_triplet.losses import cluster_usage
from audioset_triplet.store import assignments as stored_assignments
from audioset_triplet.store import stored_clips
from audioset_triplet.store.assignments import Assignments
from audioset_triplet.store.stored_clips import Clips

_METHOD_TITLES = {"entropy": "entropy clustering", "kmeans": "k-means"}
_SMALLEST_ENTROPY = 1e-12  # nats: less counts as none


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Agreement of clusters with classes; all from 0 to 1."""

    num_labelled: int  # clips or windows with labels; the others are left out
    num_classes: int
    purity: float  # share with the most common label of their cluster
    nmi: float  # mutual information of cluster and class, divided by the mean of their entropies
    homogeneity: float  # share of the entropy of the class that the cluster explains
    completeness: float  # share of the entropy of the cluster that the class explains
    v_measure: float  # harmonic mean of the two (Rosenberg & Hirschberg 2007); equals nmi where both have entropy


@dataclasses.dataclass(frozen=True)
class ClusterMetrics:
    """Metrics of one set of assignments."""

    counts: np.ndarray  # int64 [K], members of each cluster
    mean_probability: float
    agreement: Optional[Agreement]  # None without labels

    @property
    def num_used(self) -> int:
        """Clusters with members."""
        return int(np.count_nonzero(self.counts))

    @property
    def effective_number(self) -> float:
        """The number of equally large clusters with the same entropy."""
        return cluster_usage.effective_number(self.counts)

    @property
    def entropy(self) -> float:
        """Entropy of the cluster sizes, in nats; at most the lower of ln K and ln n."""
        return float(np.log(max(self.effective_number, 1.0)))


def measure(assignments: Assignments, clips: Clips) -> ClusterMetrics:
    """The metrics of assignments of some clips or of their windows.

    Raises:
        UserError: a clip is not among `clips`.
    """
    counts = np.bincount(assignments.clusters, minlength=assignments.info.num_clusters)
    labels = labels_of(assignments, clips)
    mean = float(np.mean(assignments.probabilities, dtype=np.float64))
    return ClusterMetrics(counts, mean, agreement(assignments.clusters, labels) if any(labels) else None)


def labels_of(assignments: Assignments, clips: Clips) -> Sequence[Tuple[int, ...]]:
    """The labels of each row; a UserError if a clip is not among `clips`."""
    labels = dict(zip(clips.clip_ids, clips.labels))
    missing = next((clip_id for clip_id in assignments.clip_ids if clip_id not in labels), None)
    if missing is not None:
        raise UserError(
            f"the embeddings hold no clip {missing}, which the assignments have: give those that were assigned."
        )
    return [labels[clip_id] for clip_id in assignments.clip_ids]


def agreement(clusters: np.ndarray, labels: Sequence[Tuple[int, ...]]) -> Agreement:
    """Agreement of clusters with classes. Memory is for the non-empty entries of the contingency table [K, C] alone.

    Args:
        clusters: int [n].
        labels: [n], the classes of each; rows without a label are left out. At least one has a label.
    """
    lengths = np.fromiter(map(len, labels), np.int64, len(labels))
    rows = np.repeat(np.arange(len(labels)), lengths)
    _, row_clusters = np.unique(clusters[rows], return_inverse=True)
    classes, row_classes = np.unique(
        np.concatenate([np.asarray(row_labels, np.int64) for row_labels in labels]), return_inverse=True
    )
    entries, row_entries = np.unique(row_clusters * len(classes) + row_classes, return_inverse=True)
    total = int(np.count_nonzero(lengths))

    shares = np.bincount(row_entries, 1 / lengths[rows]) / total  # of each entry of the contingency table
    entry_clusters, entry_classes = entries // len(classes), entries % len(classes)
    cluster_shares, class_shares = np.bincount(entry_clusters, shares), np.bincount(entry_classes, shares)
    cluster_entropy, class_entropy, joint_entropy = map(_entropy, (cluster_shares, class_shares, shares))
    information = max(cluster_entropy + class_entropy - joint_entropy, 0.0)

    members = np.bincount(row_entries)  # of each entry; a row with L labels counts L times
    most_common = np.zeros(len(cluster_shares), np.int64)
    np.maximum.at(most_common, entry_clusters, members)

    homogeneity = information / class_entropy if class_entropy > _SMALLEST_ENTROPY else 1.0
    completeness = information / cluster_entropy if cluster_entropy > _SMALLEST_ENTROPY else 1.0
    h_plus_c = homogeneity + completeness
    total_entropy = class_entropy + cluster_entropy
    return Agreement(
        num_labelled=total,
        num_classes=len(classes),
        purity=float(most_common.sum() / total),
        nmi=1.0 if total_entropy <= _SMALLEST_ENTROPY else 2 * information / total_entropy,
        homogeneity=homogeneity,
        completeness=completeness,
        v_measure=2 * homogeneity * completeness / h_plus_c if h_plus_c else 0.0,
    )


def _entropy(shares: np.ndarray) -> float:
    used = shares[shares > 0]
    return float(-(used * np.log(used)).sum())


def flat_numbers(metrics: ClusterMetrics, prefix: str = "cluster") -> Dict[str, Union[int, float]]:
    """The numbers under flat keys: PREFIX/num_used, PREFIX/effective_number, and with labels PREFIX/nmi and so on."""
    counts = metrics.counts
    numbers: Dict[str, Union[int, float]] = {
        "num_units": int(counts.sum()),
        "num_clusters": len(counts),
        "num_used": metrics.num_used,
        "num_of_one": int(np.count_nonzero(counts == 1)),
        "largest": int(counts.max()),
        "effective_number": metrics.effective_number,
        "entropy": metrics.entropy,
        "mean_probability": metrics.mean_probability,
        **(dataclasses.asdict(metrics.agreement) if metrics.agreement else {}),
    }
    return {f"{prefix}/{name}": value for name, value in numbers.items()}


@dataclasses.dataclass(frozen=True)
class ClusterComparison:
    """Several assignments of the same clips or windows, the evaluated ones first."""

    clips: Clips  # the clips, or those of the windows
    assignments: Assignments  # the evaluated ones
    results: List[SetResult[ClusterMetrics]]

    def numbers(self) -> Dict[str, Any]:
        """All numbers under flat keys (cluster/nmi, cluster/NAME/nmi), and the metadata of the assignments."""
        evaluated, *compared = self.results
        numbers: Dict[str, Any] = flat_numbers(evaluated.result)
        for other in compared:
            numbers.update(flat_numbers(other.result, f"cluster/{other.name}"))
        return {**numbers, **vars(self.assignments.info)}


def compare(embeddings: str, folder: str, compared: Mapping[str, str]) -> ClusterComparison:
    """Reads and measures assignments.

    Args:
        embeddings: folder of the embeddings that were assigned, with their labels.
        folder: the assignments to evaluate.
        compared: name -> folder of other assignments of the same clips or windows.

    Raises:
        UserError: what `stored_clips.read_clips` and `assignments.read` raise; assignments of other clips or windows.
    """
    clips = stored_clips.read_clips(embeddings)
    evaluated = stored_assignments.read(folder)
    title = _METHOD_TITLES[evaluated.info.method]
    results = [SetResult(title, evaluated.info.model_id, measure(evaluated, clips))]
    for name, other_folder in compared.items():
        other = stored_assignments.read(other_folder)
        stored_assignments.require_same_rows(evaluated, folder, other, name)
        results.append(SetResult(name, other.info.model_id, measure(other, clips)))
    return ClusterComparison(clips, evaluated, results)
