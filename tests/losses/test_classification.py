import math

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.losses import classification


def test_softmax_by_hand():
    # Odds of 2:1:1 and of 1:2:1; the first example is of the first class, the second of the third.
    logits = tf.math.log([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0]])
    targets = tf.constant([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(classification.probabilities(logits, True), [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]], 1e-6)
    np.testing.assert_allclose(
        classification.cross_entropy(logits, targets, True), [math.log(2), math.log(4)], rtol=1e-6
    )


def test_sigmoids_by_hand():
    # Odds of 1:1 and 3:1 for the two classes, both of which are heard in the first example and none in the second.
    logits = tf.math.log([[1.0, 3.0], [1.0, 3.0]])
    targets = tf.constant([[1.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(classification.probabilities(logits, False), [[0.5, 0.75]] * 2, rtol=1e-6)
    expected = [(math.log(2) + math.log(4 / 3)) / 2, (math.log(2) + math.log(4)) / 2]
    np.testing.assert_allclose(classification.cross_entropy(logits, targets, False), expected, rtol=1e-6)


@pytest.mark.parametrize("one_per_clip", [True, False])
def test_a_classifier_that_is_sure_and_wrong_has_a_finite_loss(one_per_clip):
    loss = classification.cross_entropy(tf.constant([[1000.0, -1000.0]]), tf.constant([[0.0, 1.0]]), one_per_clip)
    assert 999 < float(loss[0]) < 2001
