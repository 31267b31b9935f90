import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from audioset_triplet.sampling import draws

SEED = tf.constant([3, 5], tf.int64)
DRAWS = {
    "uniform": lambda: draws.uniform([100_000], SEED, 0.25),
    "normal": lambda: draws.normal([100_000], SEED, 2.0),
    "integers": lambda: draws.integers([100_000], SEED, -10, 11),
    "stable order": lambda: draws.stable_order(draws.integers([1000], SEED, 0, 3)),
    "large seeds": lambda: draws.integers([1000], tf.constant([-(1 << 40), 1 << 33], tf.int64), 0, 96),
    "split": lambda: draws.split(draws.split(SEED, 3)[1], 2),
    "fold in": lambda: draws.fold_in(draws.split(SEED, 3)[1], 7),
    "order": lambda: draws.order(1000, SEED),
}


@pytest.mark.parametrize("name", DRAWS)
def test_xla_draws_the_same(name):
    plain, compiled = tf.function(DRAWS[name])(), tf.function(DRAWS[name], jit_compile=True)()
    np.testing.assert_allclose(plain, compiled, rtol=1e-5, atol=1e-6)


def test_distributions():
    assert stats.kstest(DRAWS["uniform"]().numpy() / 0.25, "uniform").pvalue > 1e-3
    assert stats.kstest(DRAWS["normal"]().numpy() / 2, "norm").pvalue > 1e-3
    values, counts = np.unique(DRAWS["integers"](), return_counts=True)
    np.testing.assert_array_equal(values, np.arange(-10, 11))
    assert stats.chisquare(counts).pvalue > 1e-3
    np.testing.assert_array_equal(np.sort(DRAWS["order"]()), np.arange(1000))


def test_the_ends_of_what_can_be_drawn_are_finite(monkeypatch):
    last = draws._RESOLUTION - 1
    monkeypatch.setattr(draws, "_bits", lambda shape, seed: tf.constant([0, last], tf.int32))
    np.testing.assert_array_equal(draws.uniform([2], SEED), [0.0, last / (last + 1)])
    low, high = draws.normal([2], SEED).numpy()
    assert low == pytest.approx(-high, rel=1e-3) and 5.2 < high < 5.4


def test_equal_keys_keep_their_order():
    np.testing.assert_array_equal(draws.stable_order(tf.constant([2, 0, 2, 0, 1])), [1, 3, 4, 0, 2])


def test_another_seed_draws_others():
    other = tf.constant([3, 6], tf.int64)
    assert (draws.uniform([8], SEED) != draws.uniform([8], other)).numpy().all()
