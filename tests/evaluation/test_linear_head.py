"""Logistic regression on clip vectors."""

import numpy as np

from audioset_triplet.evaluation import linear_head

RANDOM = np.random.default_rng(0)
CENTRES = 4 * np.eye(3, 6)
TARGETS = np.arange(60) % 3
VECTORS = CENTRES[TARGETS] + RANDOM.normal(size=(60, 6))
LABELS = [(int(10 * target),) for target in TARGETS]  # class indices 0, 10, 20
CLASSES = [0, 5, 10, 20]
ONES = np.ones(60)


def scores(labels, weights=ONES, penalty=0.1, vectors=VECTORS):
    return linear_head.clip_scores(vectors, labels, weights, VECTORS, CLASSES, penalty)


def test_clips_of_one_class_each_get_a_softmax_in_the_columns_of_the_classes():
    given = scores(LABELS)
    np.testing.assert_allclose(given.sum(axis=1), 1)
    assert (given[:, 1] == 0).all()  # class 5 has no clip
    assert (np.array(CLASSES)[given.argmax(axis=1)] == 10 * TARGETS).mean() > 0.9


def test_clips_of_several_classes_get_a_sigmoid_for_each():
    both = [(0, 10) if target == 1 else (10 * int(target),) for target in TARGETS]
    given = scores(both)
    assert (given[TARGETS == 1][:, [0, 2]] > 0.5).mean() > 0.9 and given.sum(axis=1).max() > 1.5
    assert (given[:, 1] == 0).all()


def test_the_weights_of_clips_decide():
    wrong = [(20,) if row % 2 and label == (0,) else label for row, label in enumerate(LABELS)]
    light = np.array([0.01 if row % 2 and TARGETS[row] == 0 else 1.0 for row in range(60)])
    of_class = TARGETS == 0
    assert scores(wrong, light)[of_class, 0].mean() > 0.9 > scores(wrong, 101 - 100 * light)[of_class, 0].mean()


def test_one_class_alone_is_certain():
    given = linear_head.clip_scores(VECTORS[:2], [(10,), (10,)], ONES[:2], VECTORS, CLASSES, 0.1)
    assert (given[:, 2] == 1).all() and (np.delete(given, 2, axis=1) == 0).all()


def test_standardized_vectors_have_mean_0_and_variance_1():
    vectors = np.concatenate([VECTORS * 3 + 7, np.ones((60, 1))], axis=1)
    standardize = linear_head.Standardization(vectors)
    np.testing.assert_allclose(standardize(vectors).mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(standardize(vectors)[:, :6].std(axis=0), 1)
    np.testing.assert_allclose(standardize(vectors[:1] + standardize._deviation * 0)[0], standardize(vectors)[0])
