"""Which clips are queried."""

import collections

import numpy as np
import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.labelling import clip_clusters, cluster_log, selection
from tests import clustered

#            0  1  2  3  4  5  6  7  8  9
CLUSTERS = [7, 2, 7, 9, 2, 7, 4, 4, 9, 5]  # sizes: 7 has 3; 2, 4 and 9 have 2; 5 has 1
IDS = [f"clip{row}" for row in range(10)]


@pytest.fixture
def clusters(tmp_path):
    probabilities = [0.2, 0.5, 0.9, 0.5, 0.6, 0.9, 0.1, 0.2, 0.7, 1.0]
    return clip_clusters.read(clustered.write(tmp_path / "clusters", IDS, CLUSTERS, probabilities))


def make_log(folder, clusters):
    with cluster_log.open_to_query(str(folder), clusters.facts, {0: "dog"}) as log:
        return log


def test_clusters_come_by_size_and_then_by_number():
    members = selection.largest_clusters(np.array(CLUSTERS), 4)
    assert [rows.tolist() for rows in members] == [[0, 2, 5], [1, 4], [6, 7], [3, 8]]
    assert len(selection.largest_clusters(np.array(CLUSTERS), 100)) == 5


def test_order_and_draws_do_not_depend_on_the_order_of_clips(tmp_path, clusters):
    order = [3, 1, 4, 0, 5, 9, 2, 6, 8, 7]
    folder = clustered.write(tmp_path / "b", [IDS[row] for row in order], [CLUSTERS[row] for row in order])
    questions, again = [
        selection.next_questions(read, 5, "random", 3, make_log(tmp_path / str(index), read))
        for index, read in enumerate((clusters, clip_clusters.read(folder)))
    ]
    assert questions == again and clusters.facts == clip_clusters.read(folder).facts
    assert [(question.cluster, question.cluster_size) for question in questions] == [
        (7, 3),
        (2, 2),
        (4, 2),
        (9, 2),
        (5, 1),
    ]
    assert all(CLUSTERS[IDS.index(question.clip_id)] == question.cluster for question in questions)


def test_every_member_has_the_same_chance(clusters):
    members = np.array([0, 2, 5])
    counts = collections.Counter(selection.representative(members, IDS, str(seed)) for seed in range(900))
    assert set(counts) == {0, 2, 5} and all(240 < count < 360 for count in counts.values())  # 300, deviation 14


def test_the_most_probable_member_on_request(clusters):
    drawn = {
        selection.representative(np.array([0, 2, 5]), IDS, str(seed), clusters.probabilities) for seed in range(50)
    }
    assert drawn == {2, 5}  # both at 0.9
    assert selection.representative(np.array([1, 4]), IDS, "0", clusters.probabilities) == 4


def test_a_larger_budget_queries_the_clusters_that_follow_in_another_round(tmp_path, clusters):
    folder = tmp_path / "w"
    with cluster_log.open_to_query(str(folder), clusters.facts, {0: "dog"}) as log:
        first = selection.next_questions(clusters, 2, "random", 0, log)
        log.add_questions(first)
        assert selection.next_questions(clusters, 2, "random", 0, log) == []
        assert selection.next_questions(clusters, 2, "random", 1, log) == []  # another seed queries nothing twice
        second = selection.next_questions(clusters, 100, "random", 0, log)
    assert [(question.cluster, question.round) for question in first + second] == [
        (7, 1),
        (2, 1),
        (4, 2),
        (9, 2),
        (5, 2),
    ]
    at_once = selection.next_questions(clusters, 100, "random", 0, make_log(tmp_path / "at once", clusters))
    assert [question.clip_id for question in first + second] == [question.clip_id for question in at_once]


def test_random_clips_are_nested_and_random():
    rows = np.arange(10)
    draws = [selection.random_rows(rows, IDS, "x", count) for count in (3, 7, 10)]
    assert draws[1][:3] == draws[0] and sorted(draws[2]) == list(range(10))
    assert len({tuple(selection.random_rows(rows, IDS, str(seed), 3)) for seed in range(10)}) > 5


def test_clusters_of_some_clips(tmp_path, clusters):
    some = clusters.of_clips({"clip2", "clip5", "clip9", "other"})
    assert some.clip_ids == ["clip2", "clip5", "clip9"] and some.numbers.tolist() == [7, 7, 5] and some.num_used == 2
    assert clusters.rows_of(["clip9", "clip0"]).tolist() == [9, 0]
    assert clusters.propagated({7: (3, 1), 5: (0,)})[:3] == [(3, 1), (), (3, 1)]
    with pytest.raises(UserError, match="none of its clips can be queried"):
        clusters.of_clips({"other"})
    with pytest.raises(UserError, match="1 of 2 clips have no cluster, such as other"):
        clusters.rows_of(["clip0", "other"])
    with pytest.raises(UserError, match="clusters of windows"):
        clip_clusters.read(clustered.write(tmp_path / "windows", IDS, CLUSTERS, unit="windows"))
