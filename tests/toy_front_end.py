"""A front end in a few lines: `monkeypatch.setitem(FRONT_ENDS, "toy", TOY)` makes it one of the known ones."""

import tensorflow as tf

from audioset_triplet.frontend.front_end import FrontEnd

_NUM_BANDS = 8


def energies(waveform: tf.Tensor) -> tf.Tensor:
    """[..., L] at 8 kHz -> magnitudes in bands of 500 Hz, [..., N, 8], of frames of 25 ms every 12.5 ms."""
    bins = tf.abs(tf.signal.stft(waveform, 200, 100, 256))[..., :-1]
    return tf.reduce_sum(tf.reshape(bins, tf.concat([tf.shape(bins)[:-1], [_NUM_BANDS, -1]], 0)), axis=-1)


# Windows of 20 frames, of which each shares half with the next.
TOY = FrontEnd(
    id="toy-8000",
    sample_rate_hz=8000,
    window_samples=200 + 19 * 100,
    hop_samples=1000,
    frame_samples=200,
    feature_shape=(20, _NUM_BANDS),
    energies=energies,
    compress=tf.math.log1p,
    display_range=(0.0, 5.0),
)
