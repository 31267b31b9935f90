"""What every front end promises: shapes, windows, and what the registry says of it."""

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.errors import UserError
from audioset_triplet.frontend import registry
from audioset_triplet.frontend.front_end import FrontEnd
from tests.toy_front_end import TOY

THREE_BAND = "three_band_small-0.5s"
FRONT_ENDS = {**registry.FRONT_ENDS, "toy": TOY, THREE_BAND: registry.by_name(THREE_BAND)}
FRONT_ENDS.update(
    {f"{name}, windows overlap": front_end.with_hop(0.25) for name, front_end in FRONT_ENDS.items() if name != "toy"}
)
EACH = pytest.mark.parametrize("front_end", FRONT_ENDS.values(), ids=FRONT_ENDS)


def noise(*shape: int) -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).uniform(-0.5, 0.5, shape), tf.float32)


@EACH
def test_a_window_has_the_feature_shape(front_end: FrontEnd):
    waveform = noise(2, 3, front_end.window_samples)
    energies = front_end.energies(waveform)
    assert energies.shape == (2, 3, front_end.num_frames, front_end.num_bands) and energies.dtype == tf.float32
    assert tf.reduce_min(energies) >= 0
    spectrogram = front_end.spectrogram(waveform)
    np.testing.assert_array_equal(spectrogram, front_end.compress(energies))
    features = front_end.features(waveform)
    assert features.shape == (2, 3, *front_end.feature_shape)
    channels = features if len(front_end.feature_shape) == 2 else tf.concat(tf.unstack(features, axis=-1), -1)
    np.testing.assert_array_equal(spectrogram, channels)  # the bands of a channel follow those of the one before


@EACH
def test_energies_take_any_length_from_a_frame_on(front_end: FrontEnd):
    num_frames, num_bands = front_end.energies(noise(front_end.frame_samples)).shape
    assert num_frames >= 1 and num_bands == front_end.num_bands
    waveform = noise(2 * front_end.window_samples)
    whole, window = (front_end.energies(waveform[:end]) for end in (None, front_end.window_samples))
    inside = slice(2, front_end.num_frames - 2)  # frames may be centred, with reflected ends
    np.testing.assert_allclose(whole[inside], window[inside], rtol=1e-4, atol=1e-4)


@EACH
@pytest.mark.parametrize("leading", [(), (2,), (2, 1)])
def test_windows_are_the_features_of_windows_of_the_waveform(front_end: FrontEnd, leading: tuple):
    waveform = noise(*leading, front_end.window_samples + 3 * front_end.hop_samples - 1)  # three windows
    windows = front_end.windows(waveform)
    starts = front_end.window_starts(windows.shape[len(leading)]).numpy()
    np.testing.assert_array_equal(starts, [0, front_end.hop_samples, 2 * front_end.hop_samples])
    assert int(front_end.num_windows(waveform.shape[-1])) == 3
    for index, start in enumerate(starts):
        expected = front_end.features(waveform[..., start : start + front_end.window_samples])
        np.testing.assert_allclose(tf.gather(windows, index, axis=len(leading)), expected, rtol=0, atol=1e-5)


@EACH
def test_windows_of_unknown_length_can_be_traced(front_end: FrontEnd):
    traced = tf.function(front_end.windows, input_signature=[tf.TensorSpec([None, None], tf.float32)], autograph=False)
    waveform = noise(2, front_end.window_samples + front_end.hop_samples)
    np.testing.assert_allclose(traced(waveform), front_end.windows(waveform), atol=1e-5)


@EACH
def test_the_number_of_windows_is_at_least_one(front_end: FrontEnd):
    window, hop = front_end.window_samples, front_end.hop_samples
    num_samples = tf.constant([0, 1, window - 1, window, window + hop - 1, window + hop, window + 2 * hop])
    np.testing.assert_array_equal(front_end.num_windows(num_samples), [1, 1, 1, 1, 1, 2, 3])
    assert front_end.window_starts(tf.constant(0)).shape == [0]


@EACH
def test_silence_is_at_the_quiet_end_of_the_display_range(front_end: FrontEnd):
    silence = front_end.features(tf.zeros([front_end.window_samples]))
    quiet, loud = front_end.display_range
    assert silence.shape == front_end.feature_shape and tf.reduce_max(silence) <= quiet + 1e-5
    assert quiet < loud < tf.reduce_max(front_end.features(noise(front_end.window_samples) * 2)) + 20


@EACH
def test_times_are_in_seconds(front_end: FrontEnd):
    assert front_end.hop_seconds * front_end.sample_rate_hz == pytest.approx(front_end.hop_samples)
    assert front_end.window_seconds * front_end.sample_rate_hz == pytest.approx(front_end.window_samples)
    assert front_end.frame_samples <= front_end.window_samples


def test_front_ends_are_known_by_name_and_by_id(monkeypatch: pytest.MonkeyPatch):
    log_mel = registry.by_name("log_mel")
    assert log_mel.id == "logmel-16000-400-160-512-64-125-7500-0.01-96"
    assert (log_mel.window_samples, log_mel.hop_samples, log_mel.feature_shape) == (15600, 15360, (96, 64))
    assert log_mel.hop_seconds == 0.96
    assert registry.by_id(log_mel.id) is registry.by_name("log_mel") is registry.FRONT_ENDS["log_mel"]
    assert registry.by_name("log_mel", "product").id == log_mel.id
    with pytest.raises(UserError, match="--front_end=toy is not known; the front ends are log_mel, three_band, three_"):
        registry.by_name("toy")
    with pytest.raises(UserError, match="toy-8000 is not known"):
        registry.by_id("toy-8000")
    monkeypatch.setitem(registry.FRONT_ENDS, "toy", TOY)
    assert registry.by_name("toy") is registry.by_id("toy-8000") is TOY
    with pytest.raises(UserError, match="--spectrum=product cannot be chosen for the front end toy"):
        registry.by_name("toy", "product")


def test_a_hop_is_part_of_the_id_and_a_whole_number_of_frames():
    log_mel, three_band = registry.by_name("log_mel"), registry.by_name(THREE_BAND)
    assert log_mel.with_hop(0) is log_mel.with_hop(0.96) is log_mel
    assert [log_mel.with_hop(seconds).hop_samples for seconds in (0.001, 0.247, 2.0)] == [160, 4000, 32000]
    assert three_band.with_hop(0.1).hop_samples == round(0.1 * three_band.sample_rate_hz)
    for front_end in (log_mel.with_hop(0.24), three_band.with_hop(0.1)):
        found = registry.by_id(front_end.id)
        assert front_end.id.endswith(f"-hop{front_end.hop_samples}")
        assert (found.id, found.hop_samples) == (front_end.id, front_end.hop_samples)
        assert (found.window_samples, found.feature_shape) == (front_end.window_samples, front_end.feature_shape)
    for hop in ("", "0", "x"):
        assert registry.find(f"{log_mel.id}-hop{hop}") is None
    assert registry.find("toy-hop160") is None


def test_the_ids_of_front_ends_differ():
    assert len({front_end.id for front_end in FRONT_ENDS.values()}) == len(FRONT_ENDS)
