"""Which clips to ask about: one member of each cluster, the biggest clusters first (Jansen et al. 2020, evaluation 3).

Draws are by a digest of what identifies them: they do not depend on the order of clips, and a larger budget asks about
the clips of a smaller one and about others.

Shapes: n clips.
"""

import hashlib
from typing import List, Optional, Sequence

import numpy as np

from audioset_triplet.labelling.annotation_log import Ledger, Question
from audioset_triplet.labelling.clip_clusters import Clusters

MEMBERS = ("random", "probable")


def next_questions(clusters: Clusters, budget: int, member: str, seed: int, ledger: Ledger) -> List[Question]:
    """What is still to be asked about the `budget` biggest clusters: their questions that are not in the ledger.

    Args:
        clusters: the clips, and which of them are together.
        budget: questions, those in the ledger included.
        member: random (the paper's) or probable, see `representative`.
        seed: of the draws.
        ledger: what was asked before.
    """
    asked = {question.cluster for question in ledger.questions.values()}
    number = 1 + max((question.round for question in ledger.questions.values()), default=0)
    found = []
    for members in biggest_clusters(clusters.numbers, budget):
        cluster = int(clusters.numbers[members[0]])
        if cluster not in asked and len(asked) < budget:
            row = representative(
                members, clusters.clip_ids, str(seed), clusters.probabilities if member == "probable" else None
            )
            found.append(Question(clusters.clip_ids[row], cluster, len(members), number, member, seed))
            asked.add(cluster)
    return found


def biggest_clusters(clusters: np.ndarray, count: int) -> List[np.ndarray]:
    """The rows of the members of the `count` biggest clusters, or of all that have a member.

    Args:
        clusters: [n] int, the cluster of each clip.
        count: of two clusters of one size the one with the lower number is the bigger.
    """
    rows = np.argsort(clusters, kind="stable")
    numbers, starts, sizes = np.unique(clusters[rows], return_index=True, return_counts=True)
    order = np.lexsort((numbers, -sizes))[:count]
    return [rows[starts[place] : starts[place] + sizes[place]] for place in order]


def representative(
    members: np.ndarray, clip_ids: Sequence[str], draw: str, probabilities: Optional[np.ndarray] = None
) -> int:
    """The row of the member of a cluster that is asked about.

    Args:
        members: rows of the cluster's clips.
        clip_ids: [n].
        draw: names the draw, its seed for example; another one chooses another member.
        probabilities: [n], of the clips' assignments: the most probable member, by lot where several are. None: by lot
            among all, as in the paper.
    """
    candidates = members
    if probabilities is not None:
        candidates = members[probabilities[members] == probabilities[members].max()]
    return min((int(row) for row in candidates), key=lambda row: place_in_draw(draw, clip_ids[row]))


def random_rows(rows: np.ndarray, clip_ids: Sequence[str], draw: str, count: int) -> List[int]:
    """`count` of some rows by lot, without regard to clusters."""
    return sorted((int(row) for row in rows), key=lambda row: place_in_draw(draw, clip_ids[row]))[:count]


def place_in_draw(draw: str, clip_id: str) -> bytes:
    """What clips are sorted by to bring them into a random order, the same wherever they stand."""
    return hashlib.blake2b(f"{draw}/{clip_id}".encode(), digest_size=16).digest()
