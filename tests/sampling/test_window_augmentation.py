"""Mixup and SpecAugment against NumPy, and both together."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from audioset_triplet.config.classifier import AugmentationConfig
from audioset_triplet.errors import UserError
from audioset_triplet.frontend import registry
from audioset_triplet.sampling import mixup, spec_augment, window_augmentation

SEED = tf.constant([3, 5], tf.int64)
LOG_MEL = registry.by_name("log_mel")


@pytest.mark.parametrize("alpha", [0.2, 1.0, 10.0])
def test_shares_follow_the_beta_distribution(alpha):
    shares = mixup.draw_shares(4000, alpha, 1.0, SEED).numpy()
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 0.01
    some = mixup.draw_shares(4000, alpha, 0.25, SEED).numpy()
    assert np.mean(some < 1) == pytest.approx(0.25, abs=0.03)


def test_examples_and_targets_are_mixed_with_those_of_the_same_other_row():
    waveforms, targets = np.eye(6, dtype=np.float32), np.eye(6, dtype=np.float32)[[0, 0, 1, 1, 2, 2], :3]
    shares = np.array([1.0, 0.9, 0.3, 0.5, 0.0, 0.7], np.float32)
    mixed, mixed_targets = mixup.mix(*map(tf.constant, (waveforms, targets, shares)), SEED)
    others = np.stack([row - share * one for row, share, one in zip(mixed.numpy(), shares, waveforms)])
    seconds = others.argmax(axis=1)
    seconds[0] = next(iter(set(range(6)) - set(seconds[1:])))  # its share is 1, so that nothing tells its second
    assert sorted(seconds) == list(range(6))
    for row, second in enumerate(seconds):
        share = shares[row]
        np.testing.assert_allclose(mixed[row], share * waveforms[row] + (1 - share) * waveforms[second], atol=1e-6)
        np.testing.assert_allclose(mixed_targets[row], share * targets[row] + (1 - share) * targets[second], atol=1e-6)


def test_masks_have_any_width_up_to_the_largest_anywhere():
    masked = spec_augment.draw_masks(6000, 10, 1, 3, SEED).numpy()
    edges = np.diff(np.pad(masked, [[0, 0], [1, 1]]).astype(int), axis=1)
    assert (np.abs(edges).sum(axis=1) <= 2).all()  # one run of frames
    widths, starts = masked.sum(axis=1), masked.argmax(axis=1)
    assert stats.chisquare(np.bincount(widths, minlength=4)).pvalue > 0.01
    for width in (1, 2, 3):
        assert stats.chisquare(np.bincount(starts[widths == width], minlength=11 - width)).pvalue > 0.01
    assert spec_augment.draw_masks(50, 4, 2, 4, SEED).numpy().all(axis=1).any()  # a mask may be the whole window


@pytest.mark.parametrize("audio_channels", [(), (2,)])
@pytest.mark.parametrize("axis", [-2, -1])
def test_masks_are_filled_with_the_mean_of_the_window(audio_channels, axis):
    features = np.random.default_rng(0).normal(size=[5, *audio_channels, 20, 8]).astype(np.float32)
    is_masked = spec_augment.draw_masks(5, features.shape[axis], 2, 6, SEED).numpy()
    found = spec_augment.mask(tf.constant(features), 2, 6, axis, SEED).numpy()
    assert is_masked.any(axis=1).sum() > 3 and not is_masked.all(axis=1).any()
    for window in range(5):
        expected = np.moveaxis(features[window].copy(), axis, 0)
        expected[is_masked[window]] = features[window].mean(axis=(-2, -1))[..., np.newaxis]
        np.testing.assert_allclose(np.moveaxis(found[window], axis, 0), expected, atol=1e-6)


def test_by_default_windows_are_left_alone_and_all_together_depend_on_the_seed_alone():
    random = np.random.default_rng(0)
    waveforms = tf.constant(random.uniform(-0.5, 0.5, [4, LOG_MEL.window_samples]), tf.float32)
    targets = tf.constant(np.eye(4), tf.float32)
    features, same_targets = window_augmentation.augment(waveforms, targets, LOG_MEL, AugmentationConfig(), SEED)
    np.testing.assert_array_equal(features, LOG_MEL.features(waveforms))
    np.testing.assert_array_equal(same_targets, targets)

    everything = AugmentationConfig(mixup_alpha=1.0, shift_bands=3, time_masks=2, time_mask_frames=20, band_masks=2)
    first, second, other = (
        window_augmentation.augment(waveforms, targets, LOG_MEL, everything, SEED + offset) for offset in (0, 0, 1)
    )
    for one, again, different in zip(first, second, other):
        np.testing.assert_array_equal(one, again)
        assert np.abs(one - different).max() > 0.01
    np.testing.assert_allclose(tf.reduce_sum(first[1], axis=1), 1, atol=1e-6)


def test_windows_are_shifted_in_frequency_alone():
    waveforms = tf.constant(np.random.default_rng(0).uniform(-0.5, 0.5, [32, LOG_MEL.window_samples]), tf.float32)
    original, config = LOG_MEL.features(waveforms).numpy(), AugmentationConfig(shift_bands=2)
    shifted, _ = window_augmentation.augment(waveforms, tf.zeros([32, 1]), LOG_MEL, config, SEED)
    padding = np.full([96, 2], LOG_MEL.compress(tf.zeros([])))  # beyond the lowest and the highest band is silence
    found = []
    for window, features in zip(original, shifted.numpy()):
        padded = np.concatenate([padding, window, padding], axis=1)
        found += [up for up in range(-2, 3) if np.allclose(features, padded[:, 2 - up : 66 - up], atol=1e-5)]
    assert len(found) == 32 and set(found) == {-2, -1, 0, 1, 2}


def test_bands_that_are_channels_shift_and_mask_as_one_spectrogram():
    front_end = registry.by_name("three_band_small-0.5s-stereo")
    num_frames, per_channel = front_end.feature_shape[1:3]
    waveforms = tf.constant(np.random.default_rng(0).uniform(-0.5, 0.5, [8, front_end.window_samples, 2]), tf.float32)
    original, config = front_end.spectrogram(waveforms).numpy(), AugmentationConfig(shift_bands=200)
    shifted, _ = window_augmentation.augment(waveforms, tf.zeros([8, 1]), front_end, config, SEED)
    assert shifted.shape == (8, 2, num_frames, per_channel, 3)
    shifted = np.concatenate(np.moveaxis(shifted.numpy(), -1, 0), axis=-1)  # the bands in one row again
    ups = set()
    for window, features in zip(original, shifted):
        padded = np.pad(window, [(0, 0), (0, 0), (200, 200)], constant_values=-180)
        fits = [up for up in range(-200, 201) if np.allclose(features, padded[..., 200 - up : 455 - up], atol=1e-4)]
        assert len(fits) == 1  # both audio channels by the same
        ups.update(fits)
    assert max(map(abs, ups)) > per_channel  # beyond a channel

    config = AugmentationConfig(band_masks=1, band_mask_bands=200, time_masks=1, mixup_alpha=1.0)
    masked, _ = window_augmentation.augment(waveforms, tf.zeros([8, 1]), front_end, config, SEED)
    masked = np.concatenate(np.moveaxis(masked.numpy(), -1, 0), axis=-1)
    flat = masked.std(axis=2) < 1e-3  # bands that are the same in all frames
    assert (np.abs(np.diff(np.pad(flat.astype(int), [(0, 0), (0, 0), (1, 1)]))).sum(axis=-1) <= 2).all()
    assert flat.sum(axis=-1).max() > per_channel and (flat[:, 0] == flat[:, 1]).all()


def test_shifts_and_masks_larger_than_a_window_are_refused():
    window_augmentation.require_fitting(AugmentationConfig(time_masks=1, time_mask_frames=96), LOG_MEL)
    window_augmentation.require_fitting(AugmentationConfig(time_mask_frames=97), LOG_MEL)  # there are none
    with pytest.raises(UserError, match="--time_mask_frames must be at most 96"):
        window_augmentation.require_fitting(AugmentationConfig(time_masks=1, time_mask_frames=97), LOG_MEL)
    with pytest.raises(UserError, match="--shift_bands must be below the 64 bands"):
        window_augmentation.require_fitting(AugmentationConfig(shift_bands=64), LOG_MEL)
    with pytest.raises(UserError, match="--band_mask_bands must be at most 64"):
        window_augmentation.require_fitting(AugmentationConfig(band_masks=2, band_mask_bands=65), LOG_MEL)
