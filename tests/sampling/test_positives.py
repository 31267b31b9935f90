import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.sampling import positives
from tests.reference import sampling as reference

SEED = tf.constant([3, 5], tf.int64)


def energies(batch=6, frames=96, bands=64, seed=0):
    return np.random.default_rng(seed).gamma(1.0, 2.0, [batch, frames, bands]).astype(np.float32)


def test_noise_scales_every_bin_by_one_plus_a_half_normal():
    sigma, ones = 0.5, tf.ones([50, 96, 64])
    factors = positives.add_noise(ones, sigma, SEED).numpy()
    excess = factors.ravel().astype(np.float64) - 1.0
    # |N(0, s^2)|: mean s sqrt(2/pi), variance s^2 (1 - 2/pi). Five standard errors of the mean and of the variance.
    mean, variance = sigma * np.sqrt(2 / np.pi), sigma**2 * (1 - 2 / np.pi)
    assert excess.min() >= 0
    assert abs(excess.mean() - mean) < 5 * np.sqrt(variance / excess.size)
    fourth = np.mean((excess - excess.mean()) ** 4)
    assert abs(excess.var() - variance) < 5 * np.sqrt((fourth - variance**2) / excess.size)
    # Independent from bin to bin: no correlation between neighbours in time or in frequency.
    for first, second in ((factors[:, 1:], factors[:, :-1]), (factors[..., 1:], factors[..., :-1])):
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 5 / np.sqrt(first.size)


def test_noise_acts_on_energies_by_a_factor():
    x = energies()
    factor = positives.add_noise(tf.constant(x), 0.5, SEED) / x
    np.testing.assert_allclose(factor, positives.add_noise(tf.ones_like(x), 0.5, SEED), rtol=1e-5)
    assert float(tf.reduce_max(positives.add_noise(tf.zeros([2, 96, 64]), 0.5, SEED))) == 0.0


@pytest.mark.parametrize("frames, bands", [(0, 0), (1, 0), (95, 10), (40, -10), (0, 63), (7, -63)])
def test_translation_equals_the_loop(frames, bands):
    x = energies(batch=2)
    moved = positives.translate(tf.constant(x), tf.constant([frames, 3]), tf.constant([bands, -1])).numpy()
    np.testing.assert_array_equal(moved[0], reference.translate(x[0], frames, bands))
    np.testing.assert_array_equal(moved[1], reference.translate(x[1], 3, -1))


def test_vacated_bands_have_zero_energy_and_time_keeps_all_of_it():
    x = energies(batch=2)
    moved = positives.translate(tf.constant(x), tf.constant([17, 50]), tf.constant([10, -10])).numpy()
    assert moved[0, :, :10].max() == 0 and moved[1, :, -10:].max() == 0
    np.testing.assert_allclose(moved[0].sum(), x[0, :, :-10].sum(), rtol=1e-5)


def test_shifts_are_uniform_over_their_range():
    count = 20000
    frames, bands = positives.draw_shifts(count, 96, 10, SEED)
    for values, low, high in ((frames.numpy(), 0, 95), (bands.numpy(), -10, 10)):
        observed = np.bincount(values - low, minlength=high - low + 1)
        assert len(observed) == high - low + 1
        expected = count / len(observed)
        chi_squared = ((observed - expected) ** 2 / expected).sum()
        degrees = len(observed) - 1
        assert abs(chi_squared - degrees) < 5 * np.sqrt(2 * degrees)
    assert abs(np.corrcoef(frames, bands)[0, 1]) < 5 / np.sqrt(count)


def test_mixture_equals_the_formula_and_its_energy_ratio():
    x, noise = energies(seed=1), energies(seed=2) * 40
    mixed = positives.mix(tf.constant(x), tf.constant(noise), 0.25).numpy()
    for index in range(len(x)):
        np.testing.assert_allclose(mixed[index], reference.mix(x[index], noise[index], 0.25), rtol=1e-5)
    np.testing.assert_allclose(mixed.sum((1, 2)), 1.25 * x.sum((1, 2)), rtol=1e-5)


def test_silence_in_a_mixture():
    x, silence = energies(batch=1), np.zeros([1, 96, 64], np.float32)
    np.testing.assert_array_equal(positives.mix(tf.constant(x), tf.constant(silence), 0.25), x)
    np.testing.assert_array_equal(positives.mix(tf.constant(silence), tf.constant(x), 0.25), silence)
    np.testing.assert_array_equal(positives.mix(tf.constant(silence), tf.constant(silence), 0.25), silence)


def test_same_seed_same_positive():
    x = tf.constant(energies())
    other = tf.constant([3, 6], tf.int64)
    np.testing.assert_array_equal(positives.add_noise(x, 0.5, SEED), positives.add_noise(x, 0.5, SEED))
    assert float(tf.reduce_max(tf.abs(positives.add_noise(x, 0.5, SEED) - positives.add_noise(x, 0.5, other)))) > 0
    for first, again, different in zip(*(positives.draw_shifts(100, 96, 10, seed) for seed in (SEED, SEED, other))):
        np.testing.assert_array_equal(first, again)
        assert (first.numpy() != different.numpy()).any()


@pytest.mark.parametrize("shape", [(96, 64), (2, 96, 64)], ids=["mono", "stereo"])
def test_a_filter_is_a_polyline_in_db_over_the_bands_and_the_same_in_all_frames(shape):
    x = np.random.default_rng(0).gamma(1.0, 2.0, [400, *shape]).astype(np.float32) + 0.1
    gains_db = 20 * np.log10(positives.filter_bands(tf.constant(x), 6.0, SEED).numpy() / x.astype(np.float64))
    response = gains_db.reshape(400, -1, 64)
    np.testing.assert_allclose(response, response[:, :1] + np.zeros_like(response), atol=1e-4)
    response = response[:, 0]
    # Five parts of 12.8 bands: band b has its middle at b + 0.5, and a part at 6.4, 19.2, 32, 44.8 and 57.6.
    corners = np.array([6.4, 19.2, 32.0, 44.8, 57.6])
    of_part = np.searchsorted(corners, np.arange(64) + 0.5)
    for part in range(1, 5):
        slopes = np.diff(response[:, of_part == part], axis=1)
        np.testing.assert_allclose(slopes, slopes[:, :1] + np.zeros_like(slopes), atol=1e-3)
    for edge in (of_part == 0, of_part == 5):
        np.testing.assert_allclose(response[:, edge], response[:, edge][:, :1].repeat(edge.sum(), 1), atol=1e-3)
    ends = response[:, [0, 63]]  # values at a point; those of the middle points lie between two bands
    assert abs(ends.mean()) < 5 * 6 / np.sqrt(ends.size) and abs(ends.std() - 6) < 5 * 6 / np.sqrt(2 * ends.size)
    assert abs(np.corrcoef(ends.T)[0, 1]) < 5 / np.sqrt(400)  # independent


def test_the_level_of_a_window_changes_by_normal_decibels():
    x = energies(400)
    gains_db = 20 * np.log10(positives.change_level(tf.constant(x), 9.0, SEED).numpy() / x.astype(np.float64))
    levels = np.median(gains_db, axis=[1, 2])
    np.testing.assert_allclose(gains_db, levels[:, None, None] + np.zeros_like(gains_db), atol=1e-3)
    assert abs(levels.mean()) < 5 * 9 / np.sqrt(400) and abs(levels.std() - 9) < 5 * 9 / np.sqrt(800)


def test_silence_and_no_db_stay_as_they_are():
    assert float(tf.reduce_max(positives.filter_bands(tf.zeros([2, 96, 64]), 6.0, SEED))) == 0.0
    x = energies()
    for change in (positives.filter_bands, positives.change_level):
        np.testing.assert_allclose(change(tf.constant(x), 0.0, SEED), x, rtol=1e-6)
