"""Labels of clusters, and when single clips are better, on clusters that are planted."""

import collections
import math

import numpy as np
import pytest

from audioset_triplet.labelling import cluster_strategies
from audioset_triplet.labelling.annotator import Annotator
from audioset_triplet.labelling.cluster_strategies import PoolClusters

SIZE = 4
NUMBERS = np.repeat(np.arange(6), SIZE)  # six clusters of four clips
IDS = [f"clip{row}" for row in range(len(NUMBERS))]
PURE = [(number,) for number in NUMBERS.tolist()]
MIXED = [(row % SIZE,) for row in range(len(NUMBERS))]  # no two clips of a cluster agree
ORDER = [row for place in range(SIZE) for row in range(place, 24, SIZE)]  # a clip of each cluster in turn


def ask(labels, budget, numbers=NUMBERS, order=ORDER, single_every=2, worth=1.0):
    annotator = Annotator(labels, budget)
    ids = [f"clip{row}" for row in range(len(numbers))]
    clusters = PoolClusters(np.asarray(numbers), ids, None)
    propagated = cluster_strategies.ask_while_worth(annotator, clusters, "a", order, single_every, worth)
    assert len(annotator.answers) == budget and not set(propagated) & set(annotator.answers)
    return annotator.answers, propagated


def test_every_clip_of_a_cluster_gets_the_label_of_one():
    numbers = np.array([0] * 3 + [1] * 8 + [2] * 13)
    labels = [(number,) for number in numbers.tolist()]
    annotator = Annotator(labels, 2)
    propagated = cluster_strategies.ask_clusters(annotator, PoolClusters(numbers, IDS, None), "a")
    assert sorted(annotator.answers.values()) == [(1,), (2,)]  # of the largest clusters
    assert {row: one.labels for row, one in propagated.items()} == {
        row: labels[row] for row in range(3, 24) if row not in annotator.answers
    }
    assert {one.weight for one in propagated.values()} == {1.0}


def test_pure_clusters_are_all_asked_about_before_single_clips():
    answers, propagated = ask(PURE, 11)
    # A cluster, then a random clip and a cluster, five times: no cluster is left out.
    assert sorted({int(NUMBERS[row]) for row in list(answers)[::2]}) == [0, 1, 2, 3, 4, 5]
    assert len(propagated) == 24 - 11 and all(one.labels == PURE[row] for row, one in propagated.items())
    # Five random clips agree: 6 of 7 in all, by Laplace, which counts for two tests beside those of a cluster.
    tests = collections.Counter(NUMBERS[row] for row in list(answers)[1::2])
    assert sum(tests.values()) == 5
    for row, one in propagated.items():
        own = tests[NUMBERS[row]]
        assert one.weight == pytest.approx(2 * (own + 2 * 6 / 7) / (own + 2) - 1)


def test_mixed_clusters_are_left_after_three_single_clips_and_nothing_is_propagated():
    answers, propagated = ask(MIXED, 10)
    rows = list(answers)
    assert [NUMBERS[row] for row in rows[:6:2]] == [0, 1, 2]  # three clusters, and a random clip after each
    assert rows[6:] == [row for row in ORDER if row not in rows[:6]][:4]  # then single clips alone
    assert propagated == {}


def test_clusters_of_one_class_are_left_where_single_clips_meet_others():
    """The largest clusters are pure, but all of class 9: of these there are labels enough."""
    numbers = np.repeat(np.arange(8), [10] * 4 + [1] * 4)
    labels = [(9,)] * 40 + [(label,) for label in range(4)]
    order = [1, 40, 41, 42, 43, *[row for row in range(44) if row not in (1, 40, 41, 42, 43)]]
    first_of_cluster = np.isin(np.arange(44), [0, 10, 20, 30]) * 1.0
    annotator = Annotator(labels, 8)
    clusters = PoolClusters(numbers, [f"clip{row}" for row in range(44)], first_of_cluster)
    propagated = cluster_strategies.ask_while_worth(annotator, clusters, "a", order, 2, 1.0)
    rows = list(annotator.answers)
    # Cluster 0, a test of it that agrees, cluster 1, a single clip, cluster 2, a single clip; then:
    # p = 2/3, v = 1/3; a cluster gives 1 + 9/3 = 4 labels.
    # Class 9 has 4 + 4 + 4 + 1 labels. A cluster adds ln((1 + 9 + 4) / (1 + 9)) = 0.34; single clips
    # ln((1 + 12 + 1) / (1 + 12)) = 0.07 for that of class 9, and ln 2 for each of the two others: 0.49 on average.
    assert rows == [0, 1, 10, 40, 20, 41, 42, 43]
    assert {one.labels for one in propagated.values()} == {(9,)}


def test_what_questions_are_expected_to_add_by_hand():
    evidence = cluster_strategies._Evidence()
    evidence.add_cluster(0, 10, (9,))
    evidence.add_cluster(1, 4, (5,))
    evidence.single += [(0, (9,)), (0, (9,)), (7, (3,))]
    assert evidence.num_tests() == 2 and evidence.share == 3 / 4  # v = 1/2
    assert evidence.share_of(0) == pytest.approx((2 + 2 * 0.75) / 4) and evidence.share_of(1) == 0.75
    # Labels: class 9 has 1 + 9/2 + 1 + 1, class 5 has 1 + 3/2, class 3 one. A cluster of 6 gives 1 + 5/2 = 3.5.
    of_cluster, of_single = evidence.gains(6)
    assert of_cluster == pytest.approx((math.log((3 + 3.5) / 3) + math.log((1 + 3.5) / 1)) / 2)
    assert of_single == pytest.approx((2 * math.log((1 + 6.5 + 1) / (1 + 6.5)) + math.log(2)) / 3)


def test_a_cluster_has_to_be_worth_so_many_single_clips():
    asked = {worth: ask(PURE, 14, worth=worth)[0] for worth in (0.1, 100.0)}
    in_turn = [row for row in ORDER if row not in list(asked[100.0])[:6]]
    assert list(asked[100.0])[6:] == in_turn[:8] and asked[0.1] != asked[100.0]


@pytest.mark.parametrize("budget", [0, 1, 2, 7, 24])
@pytest.mark.parametrize("labels", [PURE, MIXED])
def test_the_budget_is_spent_to_the_last_clip(labels, budget):
    answers, propagated = ask(labels, budget, single_every=3)
    assert len(answers) == budget
    if budget == 24:
        assert propagated == {} and dict(sorted(answers.items())) == dict(enumerate(labels))
