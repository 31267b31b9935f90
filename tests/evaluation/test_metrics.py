"""Means over classes, against scikit-learn, by hand and at their edges."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import metrics, ranking
from audioset_triplet.store.scores import ClipScores


def make_scores(scores, targets, classes=None):
    scores, targets = np.asarray(scores, np.float32), np.asarray(targets, bool)
    classes = classes or list(range(scores.shape[1]))
    names = {label: f"class {label}" for label in classes}
    return ClipScores([f"clip{row}" for row in range(len(scores))], scores, targets, classes, names)


def random_scores(num_clips=200, num_classes=6, seed=0):
    random = np.random.default_rng(seed)
    targets = random.random((num_clips, num_classes)) < 0.2
    targets[0], targets[1] = True, False
    return make_scores(np.round(targets + random.normal(0, 1, targets.shape), 1), targets)


def test_means_over_classes_are_those_of_scikit_learn():
    scores = random_scores()
    measured = metrics.measure(scores)
    aucs = sklearn_metrics.roc_auc_score(scores.targets, scores.scores, average=None)
    precisions = sklearn_metrics.average_precision_score(scores.targets, scores.scores, average=None)
    assert list(measured.class_auc.values()) == pytest.approx(aucs, abs=1e-12)
    assert list(measured.class_average_precision.values()) == pytest.approx(precisions, abs=1e-12)
    assert measured.auc == pytest.approx(aucs.mean(), abs=1e-12)
    assert measured.map == pytest.approx(precisions.mean(), abs=1e-12)
    assert measured.d_prime_of_mean_auc == pytest.approx(ranking.d_prime(aucs.mean()), abs=1e-12)
    assert measured.mean_d_prime == pytest.approx(np.mean([ranking.d_prime(auc) for auc in aucs]), abs=1e-12)
    assert measured.mean_d_prime != pytest.approx(measured.d_prime_of_mean_auc, abs=1e-3)
    assert measured.accuracy is None and measured.num_clips == 200 and measured.classes_left_out == []
    assert measured.prior == pytest.approx(scores.targets.mean(), abs=1e-12)


def test_hand_worked_single_label_example():
    # Four clips, three classes; the last clip is taken for class 1, the third ties between 0 and 2.
    scores = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.4, 0.2, 0.4], [0.1, 0.6, 0.3]]
    measured = metrics.measure(make_scores(scores, np.eye(3)[[0, 1, 2, 2]], [3, 5, 9]))
    assert measured.accuracy == (1 + 1 + 1 / 2 + 0) / 4
    assert measured.class_average_precision == {3: 1, 5: 1, 9: 1}
    assert measured.class_num_clips == {3: 1, 5: 1, 9: 2}


def test_classes_without_a_positive_or_a_negative_are_left_out_and_counted():
    scores = random_scores(num_classes=3)
    nobody, everybody = np.zeros((200, 1)), np.ones((200, 1))
    more = make_scores(
        np.tile(scores.scores[:, :1], 5), np.hstack([scores.targets, nobody, everybody]), [0, 2, 4, 6, 8]
    )
    measured = metrics.measure(more)
    assert measured.classes_left_out == [6, 8] and list(measured.class_auc) == [0, 2, 4]
    kept = make_scores(more.scores[:, :3], more.targets[:, :3])
    assert measured.map == metrics.measure(kept).map and measured.eer == metrics.measure(kept).eer
    with pytest.raises(UserError, match="nothing to rank"):
        metrics.measure(make_scores(np.zeros((4, 1)), np.ones((4, 1))))


def test_faultless_classes_leave_d_prime_finite():
    # AUC 1 with 2 positives and 6 negatives: taken half a pair lower, 1 - 1/24. The other class: 9 of 12 pairs.
    targets = np.array([[1, 1, 0, 0, 0, 0, 0, 0], [1, 0, 0, 1, 0, 0, 0, 0]], bool).T
    scores = np.array([[8, 7, 6, 5, 4, 3, 2, 1], [8, 7, 6, 5, 4, 3, 2, 1]]).T
    measured = metrics.measure(make_scores(scores, targets))
    assert measured.class_auc == {0: 1.0, 1: 10 / 12}
    expected = (ranking.d_prime(1 - 1 / 24) + ranking.d_prime(10 / 12)) / 2
    assert measured.mean_d_prime == pytest.approx(expected, abs=1e-12)
    assert measured.d_prime_of_mean_auc == pytest.approx(ranking.d_prime((1 + 10 / 12) / 2), abs=1e-12)
    perfect = metrics.measure(make_scores(scores[:, :1], targets[:, :1]))
    assert perfect.auc == 1 and perfect.d_prime_of_mean_auc == perfect.mean_d_prime == ranking.d_prime(1 - 1 / 24)
    inverted = metrics.measure(make_scores(-scores[:, :1], targets[:, :1]))
    assert inverted.auc == 0 and inverted.mean_d_prime == pytest.approx(-perfect.mean_d_prime, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_no_metric_is_ever_nan_or_infinite(num_clips, num_classes, seed):
    random = np.random.default_rng(seed)
    scores = make_scores(
        random.integers(0, 3, (num_clips, num_classes)), random.integers(0, 2, (num_clips, num_classes))
    )
    positives = scores.targets.sum(axis=0)
    if ((positives == 0) | (positives == num_clips)).all():
        with pytest.raises(UserError):
            metrics.measure(scores)
        return
    numbers = metrics.flat_numbers(metrics.measure(scores), metrics.class_titles(scores.class_names), "x")
    assert np.isfinite(list(numbers.values())).all()


def test_flat_numbers_have_the_documented_keys():
    scores = random_scores(num_classes=2)
    measured = metrics.measure(scores)
    numbers = metrics.flat_numbers(measured, {0: "dog", 1: "cat"}, "classification")
    assert set(numbers) == {
        f"classification/{name}"
        for name in (
            *("map", "auc", "d_prime_of_mean_auc", "mean_d_prime", "eer", "prior"),
            *("num_classes", "classes_left_out", "num_clips", "class/dog", "class/cat"),
        )
    }
    assert numbers["classification/class/cat"] == measured.class_average_precision[1]
    single = metrics.measure(make_scores(np.eye(4), np.eye(4)))
    assert metrics.flat_numbers(single, {i: str(i) for i in range(4)}, "knn")["knn/accuracy"] == 1
    json.dumps(numbers, allow_nan=False)


def test_titles_are_unique():
    assert metrics.class_titles({0: "dog", 1: "dog", 2: "", 3: "cat"}) == {
        0: "dog 0",
        1: "dog 1",
        2: "class 2",
        3: "cat",
    }


def test_two_columns_of_equal_scores_give_chance():
    targets = np.eye(4, dtype=bool)[np.arange(40) % 4]
    measured = metrics.measure(make_scores(np.zeros((40, 4)), targets))
    assert measured.accuracy == pytest.approx(0.25) and measured.auc == 0.5 and measured.eer == 0.5
    assert measured.map == pytest.approx(measured.prior) and measured.mean_d_prime == 0
