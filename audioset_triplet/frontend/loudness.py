"""How loud windows are: whether they are silent, and how much each counts in its clip.

Clips are often padded with zeros to a common length, and what a clip is about is mostly its loudest part.
Shapes: L samples, W windows.
"""

import tensorflow as tf

from audioset_triplet.frontend import constants

# Mean square of a silent window at most, relative to full scale: -60 dB. On ESC-50 98% of the windows fall on the same
# side of it as of a mean log-mel of -4.2, near the floor of the front end.
_SILENCE = 1e-6
# Below it (-100 dB, which 16 bits cannot hold) all windows are alike: those of a clip of zeros count alike.
_FLOOR = 1e-10
BLOCK_SAMPLES = 160


def mean_squares(waveform: tf.Tensor, starts: tf.Tensor) -> tf.Tensor:
    """The mean square of windows, to within a block of 10 ms.

    Args:
        waveform: float32 [..., L] in [-1, 1], L >= 15600.
        starts: int32 [W], where the windows begin.

    Returns:
        float32 [..., W], of full scale.
    """
    length, leading = tf.shape(waveform)[-1], tf.shape(waveform)[:-1]
    squares = tf.square(tf.reshape(waveform, [-1, length]))
    squares = tf.pad(squares, [[0, 0], [0, -length % BLOCK_SAMPLES]])
    num_blocks = tf.shape(squares)[-1] // BLOCK_SAMPLES
    energies = tf.reduce_mean(tf.reshape(squares, tf.concat([leading, [num_blocks, BLOCK_SAMPLES]], 0)), axis=-1)
    of_window = tf.range(constants.WINDOW_SAMPLES // BLOCK_SAMPLES)
    blocks = (starts // BLOCK_SAMPLES)[:, tf.newaxis] + of_window  # [W, 97]
    return tf.reduce_mean(tf.gather(energies, blocks, axis=-1), axis=-1)


def audible(waveform: tf.Tensor, starts: tf.Tensor) -> tf.Tensor:
    """Whether windows are not silent: a root mean square above -60 dB of full scale; as `mean_squares`, bool."""
    return mean_squares(waveform, starts) > _SILENCE


def weights(waveform: tf.Tensor, starts: tf.Tensor) -> tf.Tensor:
    """How much windows count in the mean over their clip: the root of the root mean square; as `mean_squares`.

    20 dB less are a third of the weight, and digital silence beside speech has next to none. Chosen among powers of the
    level on ESC-50 (BUILD_NOTES.md).
    """
    return tf.maximum(mean_squares(waveform, starts), _FLOOR) ** 0.25
