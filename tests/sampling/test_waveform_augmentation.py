import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.waveforms import RANDOM_CROP, WaveformConfig
from audioset_triplet.frontend import registry
from audioset_triplet.sampling import waveform_augmentation, window_draws

FRONT_END = registry.by_name("log_mel")
S = FRONT_END.window_samples


def clip_of(pcm):
    return {
        "pcm": tf.constant(pcm, tf.int16),
        "clip_id": tf.constant("a"),
        "sample_rate_hz": tf.constant(16000, tf.int64),
    }


def noise(num_samples, seed=0):
    return np.random.default_rng(seed).integers(-9000, 9000, num_samples)


def seed_of(number):
    return tf.constant([0, number], tf.int64)


def windows_of(pcm, config, count=1, front_end=FRONT_END):
    clip = clip_of(pcm)
    return [
        waveform_augmentation.random_window(clip, front_end, config, seed_of(number)).numpy() for number in range(count)
    ]


@pytest.mark.parametrize("factor, length", [(1.0, 100), (1.25, 125), (0.8, 80), (0.33, 33), (0.001, 1)])
def test_a_scaled_clip_is_interpolated(factor, length):
    pcm = noise(100)
    scaled = waveform_augmentation.scale_time(tf.constant(pcm, tf.int16), tf.constant(factor)).numpy()
    assert len(scaled) == length
    expected = np.interp(np.arange(length) / np.float32(factor), np.arange(100), pcm)
    np.testing.assert_allclose(scaled, expected, atol=0.51)
    stereo = tf.constant(np.stack([pcm, -pcm], axis=1), tf.int16)
    both = waveform_augmentation.scale_time(stereo, tf.constant(factor)).numpy()
    np.testing.assert_array_equal(both, np.stack([scaled, -scaled], axis=1))


def test_a_scaled_tone_has_another_pitch():
    tone = np.round(8000 * np.sin(2 * np.pi * 1000 * np.arange(32000) / 16000))
    scaled = waveform_augmentation.scale_time(tf.constant(tone, tf.int16), tf.constant(1.25)).numpy()
    assert np.abs(np.fft.rfft(scaled)).argmax() / len(scaled) * 16000 == pytest.approx(800, abs=1)


def test_padding_repeats_the_edges():
    pcm = tf.constant([7, 1, 9], tf.int16)
    for place, left in ((0.0, 0), (0.3, 1), (0.999, 4)):
        padded = waveform_augmentation.pad_edges(pcm, 7, tf.constant(place))
        np.testing.assert_array_equal(padded, [7] * left + [7, 1, 9] + [9] * (4 - left))
    np.testing.assert_array_equal(waveform_augmentation.pad_edges(pcm, 2, tf.constant(0.5)), pcm)
    assert waveform_augmentation.pad_edges(pcm[:0], 7, tf.constant(0.5)).shape == 0


def test_without_augmentation_it_is_a_random_window():
    pcm = noise(40_000)
    for number, window in enumerate(windows_of(pcm, RANDOM_CROP, count=3)):
        expected = window_draws.random_window(clip_of(pcm), FRONT_END, seed_of(number))
        np.testing.assert_array_equal(window, expected)


def test_a_window_that_is_not_cropped_at_random_is_the_middle():
    pcm = noise(40_001)
    first = (40_001 - S) // 2
    for window in windows_of(pcm, WaveformConfig(random_crop=False), count=2):
        np.testing.assert_array_equal(window, pcm[first : first + S])


def test_the_asked_share_of_windows_is_reversed():
    pcm = noise(S)
    found = windows_of(pcm, WaveformConfig(reversed_share=0.5), count=30)
    is_reversed = [(window == pcm[::-1]).all() for window in found]
    assert all(turned or (window == pcm).all() for turned, window in zip(is_reversed, found))
    assert 8 <= sum(is_reversed) <= 22


def test_time_scale_reaches_both_ends_and_short_clips_are_padded_anywhere():
    """The length of the first half of a clip, whose edges differ from what is beside them, tells the factor."""
    pcm = np.r_[-3000, np.full(1999, -500), np.full(1999, 500), 3000]
    config = WaveformConfig(time_scale=2.0, random_padding=True)
    factors, firsts = [], []
    for window in windows_of(pcm, config, count=40):
        half = np.flatnonzero(window == -500)
        factors.append(len(half) / 1998)
        firsts.append(half[0])
        assert (window[: half[0] - 2] == -3000).all() and (window[half[-1] + 3 :] >= 500).all()
    assert 0.5 < min(factors) < 0.62 and 1.65 < max(factors) < 2.0
    assert np.mean(np.log2(factors)) == pytest.approx(0, abs=0.3)
    assert min(firsts) < 2500 and max(firsts) > 6000


@pytest.mark.parametrize("seconds", [0, 0.1, 30])
def test_clips_of_any_length_give_a_window(seconds):
    config = WaveformConfig(time_scale=1.25, random_padding=True, reversed_share=0.5)
    [window] = windows_of(noise(round(16000 * seconds)), config)
    assert window.shape == (S,) and window.dtype == np.int16
    assert (window != 0).any() == (seconds > 0)


def test_silence_is_avoided():
    pcm = np.r_[np.zeros(60_000), noise(20_000)]
    config = WaveformConfig(time_scale=1.25)
    assert all(np.abs(window).max() > 1000 for window in windows_of(pcm, config, count=8))


def test_one_seed_gives_one_window_in_a_graph_too():
    config = WaveformConfig(time_scale=1.25, random_padding=True, reversed_share=0.5)
    clip = clip_of(noise(30_000))
    compute = tf.function(waveform_augmentation.random_window, autograph=False)
    for number in range(3):
        eager = waveform_augmentation.random_window(clip, FRONT_END, config, seed_of(number))
        np.testing.assert_array_equal(eager, compute(clip, FRONT_END, config, seed_of(number)))


def test_another_window_length_is_taken_from_the_front_end():
    short = dataclasses.replace(FRONT_END, window_samples=4000)
    [window] = windows_of(noise(9000), WaveformConfig(time_scale=1.25), front_end=short)
    assert window.shape == (4000,)
