import numpy as np
import tensorflow as tf

from audioset_triplet.media import pcm

SAMPLES = np.array([-32768, -1, 0, 1, 32767], np.int16)


def test_pcm_scale_is_exact():
    expected = np.array([-1.0, -1 / 32768, 0, 1 / 32768, 32767 / 32768], np.float32)
    np.testing.assert_array_equal(pcm.tensor_to_waveform(tf.constant(SAMPLES)), expected)
    np.testing.assert_array_equal(pcm.to_waveform(SAMPLES), expected)
    assert pcm.to_waveform(SAMPLES).dtype == np.float32
    np.testing.assert_array_equal(pcm.to_pcm(expected), SAMPLES)
    np.testing.assert_array_equal(pcm.to_pcm(np.array([-1.5, 1.0])), [-32768, 32767])
