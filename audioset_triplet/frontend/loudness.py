"""Loudness of windows: whether they are silent, and the weight of each in its clip.

Clips are often padded with zeros to a common length, and their labels mostly describe their loudest part.
Shapes: L samples, W windows.
"""

from typing import Protocol

import numpy as np
import tensorflow as tf

from audioset_triplet.frontend import silence

# Below it (-100 dB, which 16 bits cannot hold) all windows weigh the same, also those of a clip of zeros.
_FLOOR = 1e-10
_BLOCKS_PER_SECOND = 100


class Windows(Protocol):
    """The rate, channels and length of windows, which a `FrontEnd` has."""

    @property
    def sample_rate_hz(self) -> int: ...

    @property
    def num_channels(self) -> int: ...

    @property
    def window_samples(self) -> int: ...


def block_samples(front_end: Windows) -> int:
    """Samples of a block of 10 ms, to which windows are rounded."""
    return front_end.sample_rate_hz // _BLOCKS_PER_SECOND


def mean_squares(waveform: tf.Tensor, starts: tf.Tensor, front_end: Windows) -> tf.Tensor:
    """The mean square of windows, to within a block of 10 ms.

    Args:
        waveform: float32 [..., L] in [-1, 1], L >= `front_end.window_samples`; of several channels [..., L, A], whose
            squares are averaged.
        starts: int32 [W], where the windows begin.
        front_end: gives the length of a window.

    Returns:
        float32 [..., W], of full scale.
    """
    block = block_samples(front_end)
    squares = tf.square(waveform)
    if front_end.num_channels > 1:
        squares = tf.reduce_mean(squares, axis=-1)
    length, leading = tf.shape(squares)[-1], tf.shape(squares)[:-1]
    squares = tf.reshape(squares, [-1, length])
    squares = tf.pad(squares, [[0, 0], [0, -length % block]])
    num_blocks = tf.shape(squares)[-1] // block
    energies = tf.reduce_mean(tf.reshape(squares, tf.concat([leading, [num_blocks, block]], 0)), axis=-1)
    offsets = tf.range(front_end.window_samples // block)
    blocks = (starts // block)[:, tf.newaxis] + offsets  # [W, blocks of a window]
    return tf.reduce_mean(tf.gather(energies, blocks, axis=-1), axis=-1)


def is_active(waveform: tf.Tensor, starts: tf.Tensor, front_end: Windows) -> tf.Tensor:
    """Whether windows are not silent: a root mean square above -60 dB of full scale; as `mean_squares`, bool."""
    return mean_squares(waveform, starts, front_end) > silence.MOST_MEAN_SQUARE


def samples_of_window(start: tf.Tensor, front_end: Windows) -> slice:
    """The samples of a clip that `mean_squares` takes for the window at `start`: those of its whole blocks."""
    block = block_samples(front_end)
    first = start // block * block
    return slice(first, first + front_end.window_samples // block * block)


def are_active(windows: tf.Tensor) -> tf.Tensor:
    """`is_active` of windows that are cut already, by their `samples_of_window`.

    Args:
        windows: float32 [W, S] in [-1, 1], of several channels [W, S, A].

    Returns:
        bool [W].
    """
    squares = tf.square(windows)
    return tf.reduce_mean(squares, axis=list(range(1, len(squares.shape)))) > silence.MOST_MEAN_SQUARE


def weights(waveform: tf.Tensor, starts: tf.Tensor, front_end: Windows) -> tf.Tensor:
    """Loudness weights of windows in the mean over their clip: the root of the root mean square; as `mean_squares`.

    20 dB less are a third of the weight, and digital silence beside speech has next to none. The exponent was chosen on
    ESC-50 (BUILD_NOTES.md).
    """
    return tf.maximum(mean_squares(waveform, starts, front_end), _FLOOR) ** 0.25


def weights_of_windows(windows: np.ndarray, front_end: Windows) -> np.ndarray:
    """The weights [R] of windows that are cut already, [R, L], of several channels [R, L, A]."""
    return weights(tf.constant(windows), tf.constant([0]), front_end).numpy()[:, 0]
