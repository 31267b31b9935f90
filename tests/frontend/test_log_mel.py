import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.frontend import log_mel as mel
from audioset_triplet.frontend import registry
from tests.reference import log_mel as reference

SPECTRA = ["fft", "product"]


def log_mel(waveform, spectrum):
    return mel.log_mel(mel.mel_energies(tf.constant(waveform, tf.float32), spectrum)).numpy()


def test_oracle_gives_the_published_values_of_vectors_a_and_b():
    tone, noise = reference.log_mel(reference.tone()), reference.log_mel(reference.noise())
    assert tone.shape == (298, 64)
    np.testing.assert_allclose(
        [tone.mean(), tone.std(), tone.min(), tone.max()], [-3.429619, 2.126577, -4.601163, 4.811118], atol=1e-6
    )
    np.testing.assert_allclose(tone[0, [0, 10, 18, 19]], [-4.483133, -3.478294, 2.693003, 4.811118], atol=1e-6)
    np.testing.assert_allclose(tone[0, [20, 21, 40, 63]], [4.775044, 2.262215, -4.528413, -4.601163], atol=1e-6)
    assert noise.shape == (98, 64)
    np.testing.assert_allclose([noise.mean(), noise.std()], [2.844312, 0.795163], atol=1e-6)
    np.testing.assert_allclose(
        noise[0, [0, 10, 20, 40, 63]], [1.888341, 1.934881, 3.051520, 3.013880, 4.286153], atol=1e-6
    )
    np.testing.assert_allclose(noise[97, [0, 63]], [1.312270, 4.301252], atol=1e-6)


def test_a_band_has_the_frequency_of_its_peak():
    np.testing.assert_allclose(mel.build().band_hz, reference.band_peaks_hz(), rtol=1e-6)


def test_mel_matrix_is_the_oracle_s():
    weights = mel.mel_matrix()
    np.testing.assert_allclose(weights, reference.mel_weights(), atol=1e-12)
    assert np.count_nonzero(weights) == 461
    assert weights.sum() == pytest.approx(230.913599, abs=1e-6)


@pytest.mark.slow  # on a new machine Numba compiles librosa for 16 s
def test_the_bands_are_those_of_librosa():
    import librosa

    bands = dict(fmin=125, fmax=7500, htk=True)
    np.testing.assert_allclose(reference.band_peaks_hz(), librosa.mel_frequencies(66, **bands)[1:-1], rtol=1e-4)
    theirs = librosa.filters.mel(sr=16000, n_fft=512, n_mels=64, norm=None, **bands).T
    # Triangles in Hz, not in mel: the same bands, other slopes.
    assert (reference.mel_weights().argmax(axis=0) == theirs.argmax(axis=0)).mean() > 0.9


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_noise_and_silence_agree_with_the_oracle_to_1e_5(spectrum):
    for waveform in (reference.noise(), reference.silence()):
        np.testing.assert_allclose(log_mel(waveform, spectrum), reference.log_mel(waveform), rtol=0, atol=1e-5)
    np.testing.assert_allclose(log_mel(reference.silence(), spectrum), np.log(0.01), rtol=0, atol=1e-5)


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("hz", [100, 440, 1000, 3000, 6000, 7000])
def test_full_scale_tones_agree_with_the_oracle_to_2e_4(spectrum, hz):
    waveform = np.sin(2 * np.pi * hz * np.arange(48000) / 16000)
    np.testing.assert_allclose(log_mel(waveform, spectrum), reference.log_mel(waveform), rtol=0, atol=2e-4)


def test_the_two_ways_to_the_spectrum_agree():
    waveform = np.random.default_rng(0).uniform(-0.5, 0.5, [3, mel.WINDOW_SAMPLES])
    np.testing.assert_allclose(log_mel(waveform, "fft"), log_mel(waveform, "product"), rtol=0, atol=1e-5)


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("leading", [(), (1,), (2, 3), (5, 1, 2)])
def test_leading_dimensions_do_not_matter(spectrum, leading):
    waveform = np.random.default_rng(1).uniform(-1, 1, [*leading, 2000])
    energies = mel.mel_energies(tf.constant(waveform, tf.float32), spectrum).numpy()
    assert energies.shape == (*leading, 11, 64)
    for index in np.ndindex(*leading):
        alone = mel.mel_energies(tf.constant(waveform[index], tf.float32), spectrum).numpy()
        np.testing.assert_allclose(energies[index], alone, rtol=1e-5, atol=1e-5)


def test_blocks_of_signals_join_without_a_seam():
    waveform = np.random.default_rng(2).uniform(-1, 1, [19, mel.WINDOW_SAMPLES])
    expected = np.stack([reference.log_mel(signal) for signal in waveform])
    np.testing.assert_allclose(log_mel(waveform, "fft"), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_static_shapes_stay_static_and_unknown_ones_work(spectrum):
    @tf.function
    def traced(waveform):
        return mel.cut_windows(mel.mel_energies(waveform, spectrum))

    def static_shape(*shape):
        return traced.get_concrete_function(tf.TensorSpec(shape, tf.float32)).output_shapes

    assert static_shape(4, 80000) == [4, 5, 96, 64]
    assert static_shape(None, 80000).as_list() == [None, 5, 96, 64]
    assert static_shape(4, None).as_list() == [4, None, 96, 64]
    dynamic = traced.get_concrete_function(tf.TensorSpec([None, None], tf.float32))
    assert dynamic(tf.zeros([2, 80000])).shape == [2, 5, 96, 64]


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_works_where_autograph_is_off(spectrum):
    waveform = tf.constant(np.random.default_rng(3).uniform(-1, 1, [19, mel.WINDOW_SAMPLES]), tf.float32)
    traced = tf.function(lambda signals: mel.mel_energies(signals, spectrum), autograph=False)
    np.testing.assert_allclose(traced(waveform), mel.mel_energies(waveform, spectrum), rtol=1e-5, atol=1e-5)


def test_float32_whatever_the_policy():
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        waveform = tf.constant(reference.noise(), tf.float32)
        assert mel.log_mel(mel.mel_energies(tf.cast(waveform, tf.float64))).dtype == tf.float32
        np.testing.assert_allclose(log_mel(reference.noise(), "auto"), reference.log_mel(reference.noise()), atol=1e-5)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")


def test_windows_are_successive_runs_of_96_frames():
    frames = tf.reshape(tf.range(200 * 64, dtype=tf.float32), [200, 64])
    windows = mel.cut_windows(frames)
    assert windows.shape == [2, 96, 64]
    np.testing.assert_array_equal(windows[1, 0], frames[96])
    np.testing.assert_array_equal(windows[1, 95], frames[191])


@pytest.mark.parametrize(
    "num_samples, expected",
    [(1, 1), (15599, 1), (15600, 1), (16000, 1), (30959, 1), (30960, 2), (48000, 3), (160000, 10)],
)
def test_number_of_windows(num_samples, expected):
    assert int(registry.FRONT_ENDS["log_mel"].num_windows(tf.constant(num_samples))) == expected
    if num_samples >= mel.WINDOW_SAMPLES:
        assert mel.cut_windows(mel.mel_energies(tf.zeros([num_samples]))).shape[0] == expected
