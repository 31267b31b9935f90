import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.losses.coincidence import Pairs, Timestamps, coincidence, find_pairs
from tests.reference.coincidence import coincidence_loss


def timestamps(recordings, seconds, exists=None):
    exists = [True] * len(recordings) if exists is None else exists
    return Timestamps(tf.constant(recordings, tf.int64), tf.constant(seconds, tf.float32), tf.constant(exists))


def test_the_mean_of_the_terms_is_the_loss_of_the_loop():
    rng = np.random.default_rng(0)
    scores, kinds = rng.normal(0, 3, [6, 9]).astype(np.float32), rng.integers(0, 3, [6, 9])
    pairs = Pairs(tf.constant(kinds == 0), tf.constant(kinds == 1))
    expected = coincidence_loss(scores, kinds == 0, kinds == 1)
    terms = coincidence(tf.constant(scores), pairs)
    np.testing.assert_allclose(np.mean(terms.loss), expected, rtol=1e-5)
    probabilities = 1 / (1 + np.exp(-scores.astype(float)))
    np.testing.assert_allclose(np.mean(terms.positive_probability), probabilities[kinds == 0].mean(), rtol=1e-5)
    np.testing.assert_allclose(np.mean(terms.negative_probability), probabilities[kinds == 1].mean(), rtol=1e-5)


def test_of_different_recordings_it_is_the_published_formula():
    # -1/B sum_i log p_ii - 1/(B (B - 1)) sum_i!=j log(1 - p_ij)
    scores = np.random.default_rng(1).normal(0, 2, [5, 5]).astype(np.float32)
    own = timestamps(range(5), [0.0] * 5)
    terms = coincidence(tf.constant(scores), find_pairs(own, own, 10.0))
    p = 1 / (1 + np.exp(-scores.astype(float)))
    others = ~np.eye(5, dtype=bool)
    expected = -np.log(np.diag(p)).sum() / 5 - np.log(1 - p[others]).sum() / (5 * 4)
    np.testing.assert_allclose(np.mean(terms.loss), expected, rtol=1e-5)


def test_hand_worked_example():
    # Scores of 0 are probabilities of a half: log 2 for each of the two means.
    own = timestamps([0, 1], [0.0, 0.0])
    np.testing.assert_allclose(np.mean(coincidence(tf.zeros([2, 2]), find_pairs(own, own, 1.0)).loss), 2 * np.log(2))


def test_pairs_of_one_recording_are_positive_when_they_are_near():
    first = timestamps([7, 7, 8, 8], [1.0, 50.0, 1.0, 1.0], [True, True, True, False])
    second = timestamps([7, 7, 8, 9], [11.0, 49.0, 11.5, 1.0], [True, True, True, False])
    pairs = find_pairs(first, second, 10.0)
    positive = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(pairs.positive, np.array(positive, bool))
    negative = [[0, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]]  # what does not exist is in neither
    np.testing.assert_array_equal(pairs.negative, np.array(negative, bool))


def test_what_does_not_exist_has_no_gradient():
    scores = tf.Variable(np.random.default_rng(2).normal(size=[3, 3]).astype(np.float32))
    first, second = (
        timestamps(range(3), [0.0] * 3, [True, True, False]),
        timestamps(range(3), [0.0] * 3, [True, False, True]),
    )
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(coincidence(scores, find_pairs(first, second, 5.0)).loss)
    gradient = tape.gradient(loss, scores).numpy()
    counts = np.zeros([3, 3], bool)
    counts[:2, [0, 2]] = True
    assert (gradient[counts] != 0).all() and (gradient[~counts] == 0).all()


@pytest.mark.parametrize("score", [-500.0, 500.0])
def test_a_certain_error_costs_its_score_and_no_more(score):
    own = timestamps([0, 1], [0.0, 0.0])
    with tf.GradientTape() as tape:
        scores = tf.Variable(tf.fill([2, 2], score))
        loss = tf.reduce_mean(coincidence(scores, find_pairs(own, own, 1.0)).loss)
    assert loss == 500.0
    assert np.isfinite(tape.gradient(loss, scores)).all()


def test_a_batch_without_pairs_costs_nothing():
    own = timestamps([0, 1], [0.0, 0.0], [False, False])
    np.testing.assert_array_equal(coincidence(tf.ones([2, 2]), find_pairs(own, own, 1.0)).loss, 0.0)
