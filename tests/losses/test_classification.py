import math

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.classifier import LOSSES
from audioset_triplet.losses import classification
from tests.reference.classification import example_loss


def test_softmax_by_hand():
    # Odds of 2:1:1 and of 1:2:1; the first example is of the first class, the second of the third.
    logits = tf.math.log([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0]])
    targets = tf.constant([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(
        classification.probabilities(logits, "softmax"), [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]], 1e-6
    )
    np.testing.assert_allclose(
        classification.cross_entropy(logits, targets, "softmax"), [math.log(2), math.log(4)], rtol=1e-6
    )


def test_sigmoids_by_hand():
    # Odds of 1:1 and 3:1 for the two classes, both of which are heard in the first example and none in the second.
    logits = tf.math.log([[1.0, 3.0], [1.0, 3.0]])
    targets = tf.constant([[1.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(classification.probabilities(logits, "sigmoid"), [[0.5, 0.75]] * 2, rtol=1e-6)
    expected = [(math.log(2) + math.log(4 / 3)) / 2, (math.log(2) + math.log(4)) / 2]
    np.testing.assert_allclose(classification.cross_entropy(logits, targets, "sigmoid"), expected, rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_positives_are_weighted_and_negatives_are_not(loss):
    random = np.random.default_rng(0)
    logits, weights = random.normal(size=[6, 4]).astype(np.float32), [0.1, 1.0, 4.0, 30.0]
    targets = np.eye(4)[[0, 1, 2, 3, 3, 1]]
    targets[4] = 0.3 * targets[4] + 0.7 * targets[0]  # mixed
    if loss == "sigmoid":
        targets[:3] = [[0, 0, 0, 0], [1, 1, 1, 1], [0, 0.3, 0, 1]]
    expected = [example_loss(*row, loss, weights) for row in zip(logits.tolist(), targets.tolist())]
    found = classification.cross_entropy(logits, targets.astype(np.float32), loss, tf.constant(weights))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_classifier_that_is_sure_and_wrong_has_a_finite_loss(loss):
    terms = classification.cross_entropy(tf.constant([[1000.0, -1000.0]]), tf.constant([[0.0, 1.0]]), loss)
    assert 999 < float(terms[0]) < 2001
