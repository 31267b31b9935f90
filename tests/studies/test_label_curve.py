"""Which labels a curve learns from, and what it measures."""

import dataclasses

import numpy as np
import pytest

from audioset_triplet.clips import digest
from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import classification, metrics, splits
from audioset_triplet.evaluation.label_curve import RANDOM, Point
from audioset_triplet.evaluation.table import Cell, CellResult, Measurement
from audioset_triplet.labelling import clip_clusters
from audioset_triplet.studies import label_curve
from tests import clustered, example_clips
from tests.label_curves import CURVES

HEAD = HeadConfig(hidden_units=16, head_epochs=1, head_min_steps=30)
INFOS = example_clips.make_infos(48, 4)
TRAIN = [info for info in INFOS if info.fold == 1]
IDS = [info.clip_id for info in TRAIN]
BY_CLASS = [info.labels[0] for info in TRAIN]
PAIRS = [index // 2 for index in range(24)]  # 12 clusters of two clips each


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("curve")
    example_clips.write(root / "all", INFOS, noise=2.0)
    clustered.write(root / "classes", IDS[::-1], BY_CLASS[::-1])
    clustered.write(root / "pairs", [*IDS, "another clip"], [*PAIRS, 50])
    return root


def read_split(folder):
    return splits.read_split(str(folder / "all"), [1], str(folder / "all"), [2])


def cell(name, budget, trial):
    return Cell("split", trial, name, str(budget))


@pytest.fixture(scope="module")
def annotation(folder):
    pairs, classes = (clip_clusters.read(str(folder / name)) for name in ("pairs", "classes"))
    return label_curve.simulate(read_split(folder), {"classes": [classes], "both": [pairs, classes]}, "random", seed=5)


def test_random_selection_gives_clips_their_own_labels(annotation):
    draws = [annotation.labels(RANDOM, count, 0).labels for count in (3, 10)]
    for count, labels in zip((3, 10), draws):
        assert sum(map(bool, labels)) == count
        assert all(clip_labels in ((), info.labels) for clip_labels, info in zip(labels, TRAIN))
    assert all(larger == smaller for smaller, larger in zip(*draws) if smaller)
    assert annotation.labels(RANDOM, 3, 1).labels != draws[0]


def test_clusters_of_one_class_each_label_all_of_their_clips_rightly(annotation):
    sizes = {label: BY_CLASS.count(label) for label in range(4)}
    largest = sorted(sizes, key=lambda label: (-sizes[label], label))
    for count in (1, 3, 4):
        labels, _, num_clusters = annotation.labels("classes", count, 0)
        assert num_clusters == 4
        assert labels == [info.labels if info.labels[0] in largest[:count] else () for info in TRAIN]


def test_a_cluster_gets_the_label_of_one_member_right_or_wrong(annotation):
    seen = set()
    for trial in range(20):
        labels = annotation.labels("both", 6, trial).labels
        assert len([clip_labels for clip_labels in labels if clip_labels]) == 12 and not any(labels[12:])
        for row in range(0, 12, 2):
            assert labels[row] == labels[row + 1] and labels[row] in (TRAIN[row].labels, TRAIN[row + 1].labels)
        seen.add(tuple(labels))
    assert len(seen) > 5


def test_of_several_clusterings_the_smallest_that_suffices_is_used(annotation):
    assert [annotation.clustering("both", count).num_used for count in (1, 4, 5, 12)] == [4, 4, 12, 12]
    assert annotation.clustering("both", 13) is None  # the cluster of another clip does not count
    cells = label_curve.plan(annotation.table_rows([4, 12, 24]), trials=2)
    assert cells[:4] == [cell(RANDOM, 4, 0), cell("classes", 4, 0), cell("both", 4, 0), cell(RANDOM, 12, 0)]
    assert len(cells) == len(set(cells)) == 2 * (3 + 2 + 1)


def test_a_clustering_that_does_not_fit_the_clips_is_refused(folder):
    for name, ids, model_id, message in (
        ("other", IDS, "other-model", "embeddings of other-model, not of model"),
        ("some", IDS[1:], "model", f"1 of 24 clips have no cluster, such as {IDS[0]}"),
    ):
        path = clustered.write(folder / name, ids, [0] * len(ids), model_id=model_id)
        with pytest.raises(UserError, match=message):
            label_curve.simulate(read_split(folder), {"x": [clip_clusters.read(path)]}, "random", 0)


def test_a_cell_is_the_classifier_on_the_labels_of_the_annotation(folder, annotation):
    split = read_split(folder)
    labels = annotation.labels("both", 12, 1).labels
    train = dataclasses.replace(split.train, labels=labels)
    scores = classification.clip_scores(dataclasses.replace(split, train=train), np.ones(24, bool), HEAD, 5 + 1)
    measured = metrics.measure(scores)
    right = np.mean([clip_labels == info.labels for clip_labels, info in zip(labels, TRAIN)])
    assert 0.5 <= right < 1
    values = {
        "map": [measured.map],
        "accuracy": [measured.accuracy],
        "labelled_clips": [24],
        "right": [pytest.approx(right)],
        "num_clusters": [12],
    }
    evaluated = [info.clip_id for info in INFOS if info.fold == 2]
    expected = Measurement(values, {}, num_clips=24, clips_digest=digest(evaluated))
    assert label_curve.evaluate(cell("both", 12, 1), annotation, 1.0, HEAD) == expected


def test_which_clips_are_annotated(folder):
    clusterings = {"pairs": [clip_clusters.read(str(folder / "pairs"))]}
    annotation = label_curve.simulate(read_split(folder), clusterings, "random", seed=5)
    labels, is_annotated, _ = annotation.labels("pairs", 6, 0)
    assert sum(map(bool, labels)) == 12 and is_annotated.sum() == 6
    assert all(labels[row] == TRAIN[row].labels for row in np.flatnonzero(is_annotated))
    labels, is_annotated, _ = annotation.labels(RANDOM, 5, 0)
    np.testing.assert_array_equal(is_annotated, [bool(clip_labels) for clip_labels in labels])
    heavy, light = (label_curve.evaluate(cell("pairs", 12, 0), annotation, weight, HEAD) for weight in (3.0, 1.0))
    assert heavy != light


def test_clips_with_a_larger_weight_decide(tmp_path):
    example_clips.write(tmp_path / "all", INFOS, noise=0.3)
    split = splits.read_split(str(tmp_path / "all"), [1], str(tmp_path / "all"), [2])
    is_right = np.arange(24) // 4 % 2 == 0  # half of each class
    labels = [true if right else ((true[0] + 1) % 4,) for true, right in zip(split.train.labels, is_right)]
    train = dataclasses.replace(split.train, labels=labels)

    def accuracy(weights):
        weighted = dataclasses.replace(split, train=train, weights=weights.astype(np.float32))
        head = dataclasses.replace(HEAD, head_min_steps=100)
        return metrics.measure(classification.clip_scores(weighted, np.ones(24, bool), head, 0)).accuracy

    assert accuracy(np.where(is_right, 10.0, 0.1)) > 0.6 > 0.4 > accuracy(np.where(is_right, 0.1, 10.0))


def make_result(name, budget, trial, map_and_accuracy, labelled_clips, right, num_clusters):
    values = dict(zip(("map", "accuracy"), ([value] for value in map_and_accuracy)))
    values.update(labelled_clips=[labelled_clips], right=[right], num_clusters=[num_clusters])
    return CellResult(cell(name, budget, trial), values, {}, 24, "digest", 1.0, {})


RESULTS = [
    make_result(RANDOM, 10, 0, (0.2, 0.1), 10, 1.0, 0),
    make_result(RANDOM, 10, 1, (0.3, 0.3), 10, 1.0, 0),
    make_result("a b", 10, 0, (0.5, 0.4), 30, 0.5, 12),
    make_result("a b", 10, 1, (0.5, 0.6), 50, 0.7, 12),
    make_result(RANDOM, 20, 0, (0.5, 0.5), 20, 1.0, 0),
    make_result(RANDOM, 20, 1, (0.5, 0.5), 20, 1.0, 0),
]


def test_points_are_means_over_trials_with_random_selection_last():
    curves = label_curve.curves({result.cell: result for result in RESULTS})
    assert list(curves) == list(CURVES) == ["a b", RANDOM]
    first = curves[RANDOM][0]
    assert (first.budget, first.trials) == (10, 2) and first.map == pytest.approx(0.25)
    assert first.map_std == pytest.approx(0.1 / np.sqrt(2)) and first.accuracy == pytest.approx(0.2)
    assert curves["a b"] == [Point(10, 0.5, 0.0, 0.5, 40.0, pytest.approx(0.6), 12, 2)]
    for name, points in CURVES.items():
        for expected, point in zip(points, curves[name]):
            assert dataclasses.astuple(point) == pytest.approx(dataclasses.astuple(expected))
    without_accuracy = dataclasses.replace(RESULTS[0], values={**RESULTS[0].values, "accuracy": []})
    assert label_curve.curves({without_accuracy.cell: without_accuracy})[RANDOM][0].accuracy is None


def test_budgets_are_halves_of_all_clips():
    assert label_curve.default_budgets(1196) == [18, 37, 74, 149, 299, 598, 1196]
    assert label_curve.default_budgets(7) == [7]
