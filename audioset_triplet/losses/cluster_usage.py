"""How a clustering head uses its clusters: how many, how certain its assignments are, and whether it learns.

Entropies are in nats. Of B examples with certain assignments the mean assignment has an entropy of at most ln B, and of
K clusters at most ln K: entropies are compared with these.
"""

import math
from typing import Dict

import numpy as np
import tensorflow as tf

# Above this fraction of ln K an assignment says nothing: of 1,000,000 clusters half are as likely, of 10,000 63%.
STUCK = 0.95
# Below this fraction of its maximum, the mean assignment uses fewer clusters than the square root of those it could:
# 16 in a batch of 256.
COLLAPSED = 0.5


def effective_number(counts: np.ndarray) -> float:
    """How many equally large clusters have the entropy of these: exp(H), from 1 to K.

    Args:
        counts: [K], at least 0: examples per cluster, or a mean assignment.

    Returns:
        0 where all counts are 0.
    """
    counts = np.asarray(counts, np.float64)
    used = counts[counts > 0]
    if not used.size:
        return 0.0
    shares = used / used.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def add_occupancy(counts: tf.Variable, clusters: tf.Tensor, weights: tf.Tensor) -> None:
    """Counts the members of clusters.

    Args:
        counts: [K], where they are added.
        clusters: int32 [B], of `entropy_clustering.assign`.
        weights: [B], how much an example counts.
    """
    counts.scatter_add(tf.IndexedSlices(tf.cast(weights, counts.dtype), clusters))


def occupancy_histogram(counts: np.ndarray) -> Dict[str, int]:
    """How many clusters have how many members.

    Args:
        counts: int [K], examples per cluster.

    Returns:
        Members, "0", "1", "2-3", "4-7" and so on up to the largest cluster -> clusters with so many.
    """
    counts = np.asarray(counts, np.int64)
    bins = np.where(counts > 0, np.frexp(counts)[1], 0)  # 0, then the number of binary digits
    names = ["0", "1", *(f"{1 << digits - 1}-{(1 << digits) - 1}" for digits in range(2, bins.max() + 1))]
    return dict(zip(names, np.bincount(bins, minlength=len(names)).tolist()))


def summary(entropy: float, entropy_of_mean: float, num_clusters: int, num_examples: int) -> Dict[str, float]:
    """The numbers to log for a batch.

    Args:
        entropy: the mean of the entropies of the assignments.
        entropy_of_mean: that of the mean assignment.
        num_clusters, num_examples: K, and B over all replicas; at least 2.

    Returns:
        `effective_clusters`; `entropy_ratio`, of the first entropy to ln K; `entropy_of_mean_ratio`, of the second to
        the lower of ln K and ln B, which is above 1 only where the assignments themselves are uncertain; and
        `information`, the mutual information of example and cluster, the second less the first.
    """
    return {
        "effective_clusters": math.exp(entropy_of_mean),
        "entropy_ratio": entropy / math.log(num_clusters),
        "entropy_of_mean_ratio": entropy_of_mean / math.log(min(num_clusters, num_examples)),
        "information": entropy_of_mean - entropy,
    }


def warning(entropy: float, entropy_of_mean: float, num_clusters: int, num_examples: int) -> str:
    """What is wrong with a clustering, if anything. A new head has small logits: for after the warm-up.

    Args:
        As for `summary`, averaged over some batches.

    Returns:
        One line, empty where the clustering is neither collapsed nor stuck.
    """
    numbers = summary(entropy, entropy_of_mean, num_clusters, num_examples)
    if not math.isfinite(entropy + entropy_of_mean):
        return f"The clustering has broken: its entropies are {entropy} and {entropy_of_mean}."
    if numbers["entropy_of_mean_ratio"] < COLLAPSED:
        return (
            f"The clustering has collapsed: it uses {numbers['effective_clusters']:.3g} clusters of {num_clusters:,} "
            f"for {num_examples:,} examples. A larger gamma spreads them."
        )
    if numbers["entropy_ratio"] > STUCK:
        return (
            f"The clustering is stuck: the entropy of an assignment is {entropy:.3g}, of a uniform one, ln K, "
            f"{math.log(num_clusters):.3g}. A smaller gamma, a larger learning rate or a larger scale of logits helps."
        )
    return ""
