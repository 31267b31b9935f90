import dataclasses
import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import cluster_metrics
from audioset_triplet.store import assignments, stored_clips
from tests import example_clips


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-2, 3)), min_size=1, max_size=40))
def test_with_one_label_each_the_numbers_are_those_of_scikit_learn(pairs):
    clusters, classes = map(np.array, zip(*pairs))
    ours = cluster_metrics.agreement(clusters, [(label,) for label in classes.tolist()])
    expected = sklearn.metrics.homogeneity_completeness_v_measure(classes, clusters)
    assert (ours.homogeneity, ours.completeness, ours.v_measure) == pytest.approx(expected, abs=1e-9)
    assert ours.nmi == pytest.approx(sklearn.metrics.normalized_mutual_info_score(classes, clusters), abs=1e-9)
    table = sklearn.metrics.cluster.contingency_matrix(classes, clusters)
    assert ours.purity == table.max(axis=0).sum() / len(pairs)


def test_a_clip_of_several_labels_counts_in_parts():
    # Cluster 0: {a, b} and {a}; cluster 1: {c}, and one without a label, which does not count.
    measured = cluster_metrics.agreement(np.array([0, 0, 1, 1]), [(1, 2), (1,), (3,), ()])
    assert measured.num_labelled == 3 and measured.num_classes == 3
    assert measured.purity == 1  # both of cluster 0 have a
    class_entropy = -(1 / 2 * math.log(1 / 2) + 1 / 6 * math.log(1 / 6) + 1 / 3 * math.log(1 / 3))
    cluster_entropy = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    assert measured.homogeneity == pytest.approx(cluster_entropy / class_entropy)  # the class says which cluster
    assert measured.completeness == pytest.approx(1)
    assert measured.nmi == pytest.approx(2 * cluster_entropy / (class_entropy + cluster_entropy))


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embeddings")
    example_clips.write(folder, example_clips.make_infos(8, 2))
    return stored_clips.read_clips(str(folder))


def assigned(clip_ids, clusters, num_clusters=8):
    info = assignments.AssignmentsInfo("model", "front-end", num_clusters, "clips", "entropy", "0")
    count = len(clip_ids)
    return assignments.Assignments(
        np.array(clip_ids, object), np.full(count, np.nan, np.float32), np.array(clusters), np.full(count, 0.5), info
    )


def test_the_numbers_of_assignments(stored):
    measured = cluster_metrics.measure(assigned(stored.clip_ids[::-1], [7, 7, 7, 2, 2, 2, 4, 0]), stored)
    np.testing.assert_array_equal(measured.counts, [1, 0, 3, 0, 1, 0, 0, 3])
    numbers = cluster_metrics.flat_numbers(measured)
    assert numbers["cluster/num_units"] == 8 and numbers["cluster/num_clusters"] == 8
    assert numbers["cluster/num_used"] == 4 and numbers["cluster/num_of_one"] == 2 and numbers["cluster/largest"] == 3
    entropy = -(2 * 3 / 8 * math.log(3 / 8) + 2 / 8 * math.log(1 / 8))
    assert numbers["cluster/entropy"] == pytest.approx(entropy)
    assert numbers["cluster/effective_number"] == pytest.approx(math.exp(entropy))
    classes = [label for (label,) in stored.labels[::-1]]
    expected = sklearn.metrics.normalized_mutual_info_score(classes, [7, 7, 7, 2, 2, 2, 4, 0])
    assert numbers["cluster/nmi"] == pytest.approx(expected)


def test_without_labels_there_is_no_agreement(stored):
    unlabelled = dataclasses.replace(stored, labels=[()] * 8)
    numbers = cluster_metrics.flat_numbers(cluster_metrics.measure(assigned(stored.clip_ids, range(8)), unlabelled))
    assert "cluster/num_used" in numbers and "cluster/nmi" not in numbers


def test_a_clip_that_is_not_there_is_named(stored):
    with pytest.raises(UserError, match="hold no clip other"):
        cluster_metrics.measure(assigned(["other"], [0]), stored)
