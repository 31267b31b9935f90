import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.frontend import loudness, registry
from tests.toy_front_end import TOY

FRONT_END = registry.FRONT_ENDS["log_mel"]
WINDOW_SAMPLES = FRONT_END.window_samples


def at_loudness(decibels, num_samples=WINDOW_SAMPLES):
    return 10 ** (decibels / 20) * np.random.default_rng(0).choice([-1.0, 1.0], num_samples)


def four_windows():
    waveform = np.concatenate(
        [at_loudness(-60.1), at_loudness(-59.9), np.zeros(WINDOW_SAMPLES), at_loudness(-58)[:-77]]
    )
    starts = np.array([0, WINDOW_SAMPLES, 2 * WINDOW_SAMPLES, 3 * WINDOW_SAMPLES - 77], np.int32)
    return waveform, starts


def test_a_window_is_active_above_minus_60_decibels():
    waveform, starts = four_windows()
    alone = loudness.is_active(tf.constant(waveform, tf.float32), tf.constant(starts), FRONT_END)
    np.testing.assert_array_equal(alone, [False, True, False, True])
    batch = np.stack([waveform, 10 * waveform, 0.5 * waveform])  # 20 dB more, 6 dB less
    several = loudness.is_active(tf.constant(batch[:, None], tf.float32), tf.constant(starts), FRONT_END)
    np.testing.assert_array_equal(several[:, 0], [[0, 1, 0, 1], [1, 1, 0, 1], [0, 0, 0, 0]])


def test_a_window_of_20_decibels_less_weighs_a_third_and_silence_next_to_nothing():
    waveform, starts = four_windows()
    found = loudness.weights(tf.constant(waveform, tf.float32), tf.constant(starts), FRONT_END).numpy()
    np.testing.assert_allclose(found[:3], 10 ** (np.array([-60.1, -59.9, -100]) / 40), rtol=1e-3)
    louder = loudness.weights(tf.constant(10 * waveform, tf.float32), tf.constant(starts), FRONT_END).numpy()
    np.testing.assert_allclose(louder[[0, 1, 3]], 10**0.5 * found[[0, 1, 3]], rtol=1e-5)
    assert louder[2] == found[2] > 0  # digital silence, however loud the rest is


def test_windows_and_blocks_are_those_of_the_front_end():
    waveform = np.concatenate([np.zeros(4000), at_loudness(-20, 4000)])
    starts = np.array([0, 3900, 5000], np.int32)
    squares = loudness.mean_squares(tf.constant(waveform, tf.float32), tf.constant(starts), TOY).numpy()
    blocks_of_window = TOY.window_samples // 80  # of 10 ms
    np.testing.assert_allclose(squares, 0.01 * np.array([0, (blocks_of_window - 2) / blocks_of_window, 1]), atol=2e-4)


def test_the_loudness_is_that_of_the_window_to_within_ten_milliseconds():
    waveform = np.random.default_rng(0).normal(0, 0.1, 50_000) * np.linspace(0.1, 1, 50_000)
    starts = np.array([0, 77, 15360, 34400], np.int32)
    expected = [np.mean(np.square(waveform[start : start + WINDOW_SAMPLES])) for start in starts]
    found = loudness.mean_squares(tf.constant(waveform, tf.float32), tf.constant(starts), FRONT_END)
    np.testing.assert_allclose(found, expected, rtol=0.03)


def test_of_several_channels_the_squares_are_averaged():
    stereo = registry.by_name("three_band_small-0.5s-stereo")
    left, right = at_loudness(-20, 12000), at_loudness(-30, 12000)
    waveform, starts = np.stack([left, right], axis=-1), tf.constant([0, 4000])
    squares = loudness.mean_squares(tf.constant(waveform[np.newaxis], tf.float32), starts, stereo)
    np.testing.assert_allclose(squares, [[(0.01 + 0.001) / 2] * 2], rtol=1e-4)


@pytest.mark.parametrize("name", ["log_mel", "three_band_small-0.5s-stereo"])
def test_a_window_by_itself_is_active_where_it_is_in_its_clip(name):
    front_end = registry.by_name(name)
    generator = np.random.default_rng(0)
    levels = np.repeat(10 ** (generator.uniform(-66, -57, 12) / 20), 5000)
    clip = levels[:, np.newaxis] * generator.normal(size=(len(levels), front_end.num_channels))
    clip = tf.constant(clip if front_end.num_channels > 1 else clip[:, 0], tf.float32)
    starts = tf.constant(generator.integers(0, len(levels) - front_end.window_samples, 50), tf.int32)
    in_clip = loudness.is_active(clip[tf.newaxis], starts, front_end)[0]
    windows = tf.stack([clip[loudness.samples_of_window(start, front_end)] for start in starts])
    np.testing.assert_array_equal(loudness.are_active(windows), in_clip)
    assert 5 < np.sum(in_clip) < 45
