import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.losses.nt_xent import nt_xent
from tests.reference.nt_xent import pair_loss


def unit(rng, *shape):
    x = rng.normal(size=shape)
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)


def pair_losses(anchor, positive, is_negative, temperature):
    return nt_xent(anchor, positive, tf.concat([anchor, positive], axis=0), is_negative, temperature)


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
def test_every_pair_equals_the_loop(temperature):
    rng = np.random.default_rng(0)
    anchor, positive = unit(rng, 7, 16), unit(rng, 7, 16)
    is_negative = rng.random([7, 14]) < 0.6
    is_negative[np.arange(7), np.arange(7)] = is_negative[np.arange(7), 7 + np.arange(7)] = False
    expected = [pair_loss(i, anchor, positive, is_negative[i], temperature) for i in range(7)]
    np.testing.assert_allclose(
        pair_losses(anchor, positive, tf.constant(is_negative), temperature), expected, rtol=1e-5
    )


def test_hand_worked_example():
    # Two pairs on two axes: own cosine 1, the other pair's windows at cosine 0; e / (e + 1 + 1) at temperature 1.
    anchor = positive = tf.constant([[1.0, 0.0], [0.0, 1.0]])
    is_negative = tf.constant([[False, True, False, True], [True, False, True, False]])
    np.testing.assert_allclose(pair_losses(anchor, positive, is_negative, 1.0), -np.log(np.e / (np.e + 2)), rtol=1e-6)


def test_a_pair_without_a_negative_costs_nothing_and_has_no_gradient():
    rng = np.random.default_rng(1)
    anchor, positive = tf.constant(unit(rng, 3, 8)), tf.constant(unit(rng, 3, 8))
    with tf.GradientTape() as tape:
        tape.watch([anchor, positive])
        terms = pair_losses(anchor, positive, tf.zeros([3, 6], bool), 0.1)
    np.testing.assert_array_equal(terms, 0)
    for gradient in tape.gradient(terms, [anchor, positive]):
        np.testing.assert_allclose(gradient, 0, atol=1e-6)


def test_gradient_is_finite_where_all_windows_coincide():
    anchor = tf.constant(np.tile(unit(np.random.default_rng(2), 1, 8), [4, 1]))
    is_negative = tf.constant(np.tile(~np.eye(4, dtype=bool), [1, 2]))
    with tf.GradientTape() as tape:
        tape.watch(anchor)
        terms = pair_losses(anchor, anchor, is_negative, 0.05)
    np.testing.assert_allclose(terms, np.log(7), rtol=1e-5)  # one positive and six negatives, all alike
    assert np.isfinite(tape.gradient(terms, anchor)).all()
