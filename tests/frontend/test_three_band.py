import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.frontend import registry, three_band
from tests.reference import three_band as reference

SPECTRA = ["fft", "product"]
SETTINGS = {"three_band": reference.PUBLISHED, "three_band_small": reference.SMALL}


def noise(num_samples, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, num_samples).astype(np.float32)


def test_the_published_clips_have_the_published_shapes():
    esc, urban = registry.by_name("three_band"), registry.by_name("three_band-4s")
    assert (esc.sample_rate_hz, esc.window_samples, esc.feature_shape) == (44100, 220500, (394, 341, 3))
    assert (urban.window_samples, urban.feature_shape) == (176400, (315, 341, 3))
    assert (esc.num_frames, esc.num_bands, esc.window_seconds) == (394, 1023, 5.0)
    stereo = registry.by_name("three_band-4s-stereo")
    assert (stereo.num_channels, stereo.feature_shape) == (2, (2, 315, 341, 3))
    assert (stereo.num_frames, stereo.num_bands) == (315, 1023)
    small = registry.by_name("three_band_small")
    assert (small.sample_rate_hz, small.feature_shape) == (16000, (313, 85, 3))


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_features_are_those_of_the_oracle(name, spectrum):
    front_end = registry.by_name(name, spectrum)
    waveform = noise(round(0.3 * front_end.sample_rate_hz))
    expected = reference.features(waveform, **SETTINGS[name])
    np.testing.assert_allclose(
        front_end.features(waveform), expected, rtol=0, atol=5e-3 if spectrum == "product" else 1e-4
    )


def test_the_sidelobes_of_a_full_scale_sine_are_those_of_the_oracle():
    waveform = np.sin(2 * np.pi * 5000 * np.arange(8820) / 44100).astype(np.float32)
    features, expected = (
        registry.by_name("three_band").features(waveform),
        reference.features(waveform, **SETTINGS["three_band"]),
    )
    assert expected.max() - np.median(expected) > 120
    np.testing.assert_allclose(features, expected, rtol=0, atol=1e-3)
    # Bin 232.2 of 2048: in the lowest third, whose rows begin with the lowest bin. The peak of a sine is its amplitude
    # times half of the sum of the window.
    frame = np.asarray(features)[8]
    assert np.unravel_index(frame.argmax(), frame.shape) == (232, 0)
    assert frame.max() == pytest.approx(20 * np.log10(32768 / 2 * 0.35875 * 1654 / 2048**0.5), abs=0.1)


def test_a_click_is_in_the_frames_around_it():
    waveform = np.zeros(561 * 20, np.float32)
    waveform[561 * 7] = 0.5
    power = np.asarray(registry.by_name("three_band").energies(waveform)).sum(axis=1)
    assert power.argmax() == 7 and (np.flatnonzero(power > 1e-9) == [6, 7, 8]).all()


@pytest.mark.parametrize("seconds", [0.1, 30.0])
@pytest.mark.parametrize("name", SETTINGS)
def test_clips_of_any_length_have_finite_features(name, seconds):
    front_end = registry.by_name(name)
    num_samples = round(seconds * front_end.sample_rate_hz)
    shape = (1 + num_samples // SETTINGS[name]["hop"], *front_end.feature_shape[1:])
    for waveform in (noise(num_samples), np.zeros(num_samples, np.float32)):
        features = front_end.features(waveform)
        assert features.shape == shape and np.isfinite(features).all()
    np.testing.assert_allclose(features, -180, atol=1e-4)
    padded = np.pad(noise(num_samples), (0, max(0, front_end.window_samples - num_samples)))
    assert front_end.windows(padded).shape == (6 if seconds == 30 else 1, *front_end.feature_shape)


def test_each_channel_of_stereo_has_the_features_of_mono():
    mono, stereo = registry.by_name("three_band_small-1s"), registry.by_name("three_band_small-1s-stereo")
    channels = np.stack([noise(40000), noise(40000, 1)], axis=-1)
    windows = stereo.windows(channels)
    assert windows.shape == (2, 2, 63, 85, 3)
    for channel in range(2):
        np.testing.assert_allclose(windows[:, channel], mono.windows(channels[:, channel]), atol=1e-4)
    assert stereo.energies(channels[np.newaxis]).shape == (1, 2, 157, 255)


def test_names_and_ids_say_the_settings():
    for name in ("three_band", "three_band-0.5s", "three_band_small-30s-stereo", "three_band-stereo"):
        front_end = registry.by_name(name)
        assert registry.by_id(front_end.id) == front_end == registry.by_name(name)
    assert registry.by_name("three_band").id == "threeband-44100-1654-561-2048-220500-1"
    assert registry.by_name("three_band", "product").id == registry.by_name("three_band").id
    for name in (
        "three_band-0.03s",
        "three_band-601s",
        "three_band-9e9s",
        "three_band-",
        "three_band-stereo-4s",
        "three_bands",
    ):
        assert three_band.settings_of_name(name) is None
    for unknown in ("threeband-44100", "threeband-44100-1654-561-2048-220500-x", "logmel-1-1-1-1-1-1"):
        assert registry.find(unknown) is None


def test_float32_whatever_the_policy_and_traced_with_unknown_lengths():
    front_end = registry.by_name("three_band_small")
    traced = tf.function(front_end.features, input_signature=[tf.TensorSpec([None, None])], autograph=False)
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        features = traced(noise(8000)[np.newaxis])
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert features.dtype == tf.float32
    np.testing.assert_allclose(features[0], front_end.features(noise(8000)), atol=1e-4)
