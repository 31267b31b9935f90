"""Which clips to query: one member of each cluster, the largest clusters first (Jansen et al. 2020, evaluation 3).

Draws sort by a digest of seed and clip id: they do not depend on the order of clips, and the clips of a budget are
among those of every larger budget.

Shapes: n clips.
"""

import hashlib
from typing import List, Optional, Sequence

import numpy as np

from audioset_triplet.labelling.clip_clusters import ClipClusters
from audioset_triplet.labelling.cluster_log import ClusterLog, ClusterQuestion


def next_questions(
    clusters: ClipClusters, budget: int, member: str, seed: int, log: ClusterLog
) -> List[ClusterQuestion]:
    """The questions about the `budget` largest clusters that are not in the log.

    Args:
        clusters: the clips and their clusters.
        budget: questions in all, those in the log included.
        member: random (as published) or probable, see `representative`.
        seed: of the draws.
        log: earlier questions.
    """
    queried = {question.cluster for question in log.questions.values()}
    number = 1 + max((question.round for question in log.questions.values()), default=0)
    questions = []
    for members in largest_clusters(clusters.numbers, budget):
        cluster = int(clusters.numbers[members[0]])
        if cluster not in queried and len(queried) < budget:
            row = representative(
                members, clusters.clip_ids, str(seed), clusters.probabilities if member == "probable" else None
            )
            questions.append(ClusterQuestion(clusters.clip_ids[row], cluster, len(members), number, member, seed))
            queried.add(cluster)
    return questions


def largest_clusters(clusters: np.ndarray, count: int) -> List[np.ndarray]:
    """The rows of the members of the `count` largest clusters, or of all that have a member.

    Args:
        clusters: [n] int, the cluster of each clip.
        count: of two clusters of one size the one with the lower number comes first.
    """
    rows = np.argsort(clusters, kind="stable")
    numbers, starts, sizes = np.unique(clusters[rows], return_index=True, return_counts=True)
    order = np.lexsort((numbers, -sizes))[:count]
    return [rows[starts[index] : starts[index] + sizes[index]] for index in order]


def representative(
    members: np.ndarray, clip_ids: Sequence[str], draw: str, probabilities: Optional[np.ndarray] = None
) -> int:
    """The row of the member of a cluster that is queried.

    Args:
        members: rows of the cluster's clips.
        clip_ids: [n].
        draw: names the draw, its seed for example; another name draws another member.
        probabilities: [n], of the clips' assignments: the most probable member, at random among equals. None: a member
            at random, as published.
    """
    candidates = members
    if probabilities is not None:
        candidates = members[probabilities[members] == probabilities[members].max()]
    return min((int(row) for row in candidates), key=lambda row: draw_key(draw, clip_ids[row]))


def random_rows(rows: np.ndarray, clip_ids: Sequence[str], draw: str, count: int) -> List[int]:
    """`count` of some rows at random, without regard to clusters."""
    return sorted((int(row) for row in rows), key=lambda row: draw_key(draw, clip_ids[row]))[:count]


def draw_key(draw: str, clip_id: str) -> bytes:
    """The sort key that brings clips into the random order of a draw."""
    return hashlib.blake2b(f"{draw}/{clip_id}".encode(), digest_size=16).digest()
