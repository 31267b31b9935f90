"""Which labels a curve learns from, and what it measures."""

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from audioset_triplet.clips import digest
from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.config.label_curve import LabelCurveConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import classification, metrics, splits
from audioset_triplet.evaluation.label_curve import RANDOM, Point
from audioset_triplet.evaluation.table import Cell, CellResult, Measurement
from audioset_triplet.studies import label_curve, trial_pools
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
    clustered.write(root / "both-classes", IDS[::-1], BY_CLASS[::-1])
    clustered.write(root / "both-pairs", [*IDS, "another clip"], [*PAIRS, 50])
    return root


def read_pools(folder, *clusterings, **options):
    folds = {"train_folds": (1,), "folds": (2,)}
    config = LabelCurveConfig(embeddings=str(folder / "all"), clusterings=clusterings, seed=5, head=HEAD, **folds)
    return trial_pools.read(dataclasses.replace(config, **options))


def cell(name, budget, trial):
    return Cell("split", trial, name, str(budget))


@pytest.fixture(scope="module")
def pools(folder):
    return read_pools(folder, f"classes={folder}/classes", f"both={folder}/both-*")


@pytest.fixture(scope="module")
def annotation(pools):
    return pools.annotation("split", 0)


def test_random_selection_gives_clips_their_own_labels(pools, annotation):
    draws = [annotation.labels(RANDOM, count).labels for count in (3, 10)]
    for count, labels in zip((3, 10), draws):
        assert sum(map(bool, labels)) == count
        assert all(clip_labels in ((), info.labels) for clip_labels, info in zip(labels, TRAIN))
    assert all(larger == smaller for smaller, larger in zip(*draws) if smaller)
    assert pools.annotation("split", 1).labels(RANDOM, 3).labels != draws[0]


def test_clusters_of_one_class_each_label_all_of_their_clips_rightly(annotation):
    sizes = {label: BY_CLASS.count(label) for label in range(4)}
    largest = sorted(sizes, key=lambda label: (-sizes[label], label))
    for count in (1, 3, 4):
        given = annotation.labels("classes", count)
        assert given.num_clusters == 4
        assert given.labels == [info.labels if info.labels[0] in largest[:count] else () for info in TRAIN]


def test_a_cluster_gets_the_label_of_one_member_right_or_wrong(pools):
    seen = set()
    for trial in range(20):
        labels = pools.annotation("split", trial).labels("both", 6).labels
        assert len([clip_labels for clip_labels in labels if clip_labels]) == 12 and not any(labels[12:])
        for row in range(0, 12, 2):
            assert labels[row] == labels[row + 1] and labels[row] in (TRAIN[row].labels, TRAIN[row + 1].labels)
        seen.add(tuple(labels))
    assert len(seen) > 5


def test_of_several_clusterings_the_smallest_that_suffices_is_used(annotation):
    assert [annotation.clustering("both", count).num_used for count in (1, 4, 5, 12)] == [4, 4, 12, 12]
    assert annotation.clustering("both", 13) is None  # the cluster of another clip does not count
    cells = label_curve.plan({"split": annotation.table_rows([4, 12, 24])}, trials=2)
    assert cells[:4] == [cell(RANDOM, 4, 0), cell("classes", 4, 0), cell("both", 4, 0), cell(RANDOM, 12, 0)]
    assert len(cells) == len(set(cells)) == 2 * (3 + 2 + 1)


def test_a_clustering_that_does_not_fit_the_clips_is_refused(folder):
    for name, ids, model_id, message in (
        ("other", IDS, "other-model", "embeddings of other-model, not of model"),
        ("some", IDS[1:], "model", f"1 of 24 clips have no cluster, such as {IDS[0]}"),
    ):
        path = clustered.write(folder / name, ids, [0] * len(ids), model_id=model_id)
        with pytest.raises(UserError, match=message):
            read_pools(folder, f"x={path}").annotation("split", 0)


def test_a_cell_is_the_classifier_on_the_labels_of_the_annotation(pools):
    annotation, split = pools.annotation("split", 1), pools.split
    labels = annotation.labels("both", 12).labels
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
        "classes_met": [len(set(labels))],
        "pool_clips": [24],
        "pool_outside": [0],
        "pool_ratio": [1],
    }
    evaluated = [info.clip_id for info in INFOS if info.fold == 2]
    expected = Measurement(values, {}, num_clips=24, clips_digest=digest(evaluated))
    assert label_curve.evaluate(cell("both", 12, 1), annotation) == expected


def test_the_linear_classifier_learns_from_the_vectors_of_the_labelled_clips(folder):
    annotation = read_pools(folder, classifier="linear").annotation("split", 0)
    measured = label_curve.evaluate(cell(RANDOM, 12, 0), annotation)
    rows = [row for row, of_clip in enumerate(annotation.labels(RANDOM, 12).labels) if of_clip]
    split = annotation.split
    train, evaluated = (clips.vectors_at(np.arange(24)) for clips in (split.train, split.evaluated))
    model = make_pipeline(FunctionTransformer(StandardScaler().fit(train).transform), LogisticRegression(C=10))
    scores = model.fit(train[rows], [TRAIN[row].labels[0] for row in rows]).predict_proba(evaluated)
    expected = metrics.measure(split.clip_scores(scores.astype(np.float32)))
    assert measured.values["map"][0] == pytest.approx(expected.map, abs=0.02)


def test_which_clips_are_annotated(folder):
    annotation = read_pools(folder, f"pairs={folder}/pairs").annotation("split", 0)
    labels, is_annotated, *_ = annotation.labels("pairs", 6)
    assert sum(map(bool, labels)) == 12 and is_annotated.sum() == 6
    assert all(labels[row] == TRAIN[row].labels for row in np.flatnonzero(is_annotated))
    labels, is_annotated, *_ = annotation.labels(RANDOM, 5)
    np.testing.assert_array_equal(is_annotated, [bool(clip_labels) for clip_labels in labels])
    config = dataclasses.replace(annotation.config, annotated_weight=3.0)
    heavy = label_curve.evaluate(cell("pairs", 12, 0), dataclasses.replace(annotation, config=config))
    assert heavy != label_curve.evaluate(cell("pairs", 12, 0), annotation)


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
    values.update(labelled_clips=[labelled_clips], right=[right], num_clusters=[num_clusters], classes_met=[4])
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
    assert curves["a b"] == [
        Point(10, 0.5, 0.0, 0.5, 40.0, pytest.approx(0.6), 12, 2, 4.0, pytest.approx(0.25), pytest.approx(0.1 / 2**0.5))
    ]
    assert curves[RANDOM][0].gain == 0 and curves[RANDOM][0].classes_met == 4
    for name, points in CURVES.items():
        for expected, point in zip(points, curves[name]):
            assert dataclasses.astuple(point)[:8] == pytest.approx(dataclasses.astuple(expected)[:8])
    without_accuracy = dataclasses.replace(RESULTS[0], values={**RESULTS[0].values, "accuracy": []})
    assert label_curve.curves({without_accuracy.cell: without_accuracy})[RANDOM][0].accuracy is None


def test_budgets_are_halves_of_all_clips():
    assert label_curve.default_budgets(1196) == [18, 37, 74, 149, 299, 598, 1196]
    assert label_curve.default_budgets(7) == [7]
