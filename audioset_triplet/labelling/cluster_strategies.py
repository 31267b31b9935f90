"""Strategies that give a label to the clips of a whole cluster: always, or as long as that is better than single clips.

`ask_clusters` is that of Jansen et al. 2020 (evaluation 3): the label of one clip goes to its whole cluster, right or
wrong. Where clusters are small, or hold several classes, random clips with labels of their own are better.

The largest clusters may also be all of one kind, such as sounds of none of the classes.

`ask_while_worth` finds out. Every few questions it asks about the next random clip, as random selection does. Where
such a clip has a label of its cluster too, the two are compared: a test. With p the share of the tests that agree
(Laplace's rule: (agreeing + 1) / (tests + 2)), a propagated label counts v = 2 p - 1, what is right in excess of what
is wrong: a cluster of s clips gives 1 + (s - 1) v labels, a single clip one. Labels of a class that has many add
little: with n labels a class is worth log(1 + n). What the next question adds is expected from the answers so far,
those of the latest clusters and those of the single clips: each answer as if it came once more, now, after all the
others. (An answer that no other question gave then counts as a class that is met for the first time, as Good and
Turing estimate these.) As soon as a cluster adds less than a single clip, or p is at most a half, the remaining
questions are about random clips. In training a propagated label weighs 2 p - 1 with the p of its cluster, in which the
p of all counts for two tests. No label is used that was not asked for. Beyond the paper.

Shapes: m clips of the pool.
"""

import math
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from audioset_triplet.labelling import selection
from audioset_triplet.labelling.annotator import Annotator, Labels

_LEAST_SINGLE = 3  # clips, before clusters are compared with them
_LATEST = 8  # clusters that say what the next one adds: they become smaller
_PRIOR_TESTS = 2  # of a cluster


class Propagated(NamedTuple):
    """The label that a clip got from its cluster."""

    labels: Labels
    weight: float  # in training; an annotated clip has that of its strategy


class PoolClusters(NamedTuple):
    """The clusters of a pool."""

    numbers: np.ndarray  # [m] int
    clip_ids: Sequence[str]  # [m]
    probabilities: Optional[np.ndarray]  # [m]: the most probable member is asked about; None: a random one


def ask_clusters(annotator: Annotator, clusters: PoolClusters, draw: str) -> Dict[int, Propagated]:
    """Asks about a clip of each of the largest clusters, until no question or cluster is left; gives row -> label."""
    propagated: Dict[int, Propagated] = {}
    for members in selection.largest_clusters(clusters.numbers, annotator.questions_left):
        row = selection.representative(members, clusters.clip_ids, draw, clusters.probabilities)
        labels = annotator.ask(row)
        propagated.update((other, Propagated(labels, 1.0)) for other in members.tolist() if other != row)
    return propagated


def share_right(agreeing: int, tests: int) -> float:
    """The share of propagated labels that are right, by Laplace's rule of succession."""
    return (agreeing + 1) / (tests + 2)


class _Evidence:
    """The answers so far, about clusters and about single clips."""

    def __init__(self) -> None:
        self.of_cluster: Dict[int, Labels] = {}  # cluster -> the label that it gives to its clips
        self._sizes: Dict[int, int] = {}
        self.single: List[Tuple[int, Labels]] = []  # cluster of the clip, and its answer

    def add_cluster(self, cluster: int, size: int, answer: Labels) -> None:
        self.of_cluster[cluster], self._sizes[cluster] = answer, size

    def _agree(self) -> List[Tuple[int, bool]]:
        """Cluster of each test, and whether it agrees."""
        return [
            (cluster, set(answer) == set(self.of_cluster[cluster]))
            for cluster, answer in self.single
            if cluster in self.of_cluster
        ]

    @property
    def share(self) -> float:
        """Of propagated labels that are right."""
        tests = self._agree()
        return share_right(sum(agrees for _, agrees in tests), len(tests))

    def share_of(self, cluster: int) -> float:
        """The same of one cluster: its tests, and the share of all as so many more."""
        own = [agrees for other, agrees in self._agree() if other == cluster]
        return (sum(own) + _PRIOR_TESTS * self.share) / (len(own) + _PRIOR_TESTS)

    def num_tests(self) -> int:
        return len(self._agree())

    def gains(self, size: int) -> Tuple[float, float]:
        """What the next cluster, of `size` clips, and the next single clip are expected to add."""
        surplus = max(0.0, 2 * self.share - 1)
        clusters = [(answer, 1 + (self._sizes[cluster] - 1) * surplus) for cluster, answer in self.of_cluster.items()]
        singles = [(answer, 1.0) for _, answer in self.single]
        counts: Dict[int, float] = {}
        for answer, number in clusters + singles:
            for label in answer:
                counts[label] = counts.get(label, 0.0) + number

        def gain(answers: Sequence[Tuple[Labels, float]], added: float) -> float:
            several = [
                math.log1p(added / (1 + counts[label] - own)) / len(answer)
                for answer, own in answers
                for label in answer
            ]
            return sum(several) / max(1, len(answers))

        return gain(clusters[-_LATEST:], 1 + (size - 1) * surplus), gain(singles, 1.0)


def ask_while_worth(
    annotator: Annotator, clusters: PoolClusters, draw: str, order: Sequence[int], single_every: int, worth: float
) -> Dict[int, Propagated]:
    """Asks about clusters, the largest first, as long as their labels add more than those of single clips.

    Args:
        annotator: is asked until no question is left.
        clusters: of the pool.
        draw: names the draw.
        order: all rows at random: of the single clips.
        single_every: every so many questions one is about a single clip, at least 2.
        worth: how many times the gain of a single clip a cluster has to add.

    Returns:
        Row -> label, of the clips of asked clusters that were not asked about themselves.
    """
    numbers = clusters.numbers.tolist()
    evidence = _Evidence()

    def ask_single() -> None:
        row = next((row for row in order if row not in annotator.answers), None)
        if row is not None and annotator.questions_left:
            evidence.single.append((numbers[row], annotator.ask(row)))

    for members in selection.largest_clusters(clusters.numbers, len(numbers)):
        if len(annotator.answers) % single_every == single_every - 1:
            ask_single()
        open_rows = np.array([row for row in members.tolist() if row not in annotator.answers], int)
        if not annotator.questions_left or not len(open_rows):
            continue
        if len(evidence.single) >= _LEAST_SINGLE:
            of_cluster, of_single = evidence.gains(len(open_rows))
            if evidence.num_tests() and evidence.share <= 0.5 or of_cluster < worth * of_single:
                break
        row = selection.representative(open_rows, clusters.clip_ids, draw, clusters.probabilities)
        evidence.add_cluster(numbers[row], len(open_rows), annotator.ask(row))
    while annotator.questions_left:
        ask_single()
    weights = {cluster: 2 * evidence.share_of(cluster) - 1 for cluster in evidence.of_cluster}
    return {
        row: Propagated(evidence.of_cluster[cluster], weights[cluster])
        for row, cluster in enumerate(numbers)
        if row not in annotator.answers and weights.get(cluster, 0) > 0
    }
