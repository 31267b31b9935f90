"""SpecAugment: masks over some successive frames and bands of a window of features (Park et al. 2019, section 2).

The width of a mask is uniform from 0 to its largest, its place uniform in the window; masks may overlap. Time warping
is left out, as in PANNs (Kong et al. 2020), whose masks are two of up to 64 of 1000 frames and two of up to 8 of 64
bands.

Park et al. fill masks with 0, which is the mean of their normalized features. The features here are not normalized, so
they are filled with the mean of the window itself.

The same seed gives the same masks.
"""

import tensorflow as tf

from audioset_triplet.sampling import draws


def mask(spectrograms: tf.Tensor, num_masks: int, max_width: int, axis: int, seed: tf.Tensor) -> tf.Tensor:
    """Masks each window of a batch on its own.

    Args:
        spectrograms: float32 [B, T, F], or [B, A, T, F] of A audio channels, which have the same masks, and means of
            their own.
        num_masks: of each window.
        max_width: frames or bands of a mask, at most those that there are.
        axis: -2 for frames, -1 for bands.
        seed: int [2].
    """
    means = tf.reduce_mean(spectrograms, axis=[-2, -1], keepdims=True)
    is_masked = draw_masks(spectrograms.shape[0], spectrograms.shape[axis], num_masks, max_width, seed)
    shape = [1] * len(spectrograms.shape)
    shape[0], shape[axis] = is_masked.shape
    return tf.where(tf.reshape(is_masked, shape), means, spectrograms)


def draw_masks(num_windows: int, length: int, num_masks: int, max_width: int, seed: tf.Tensor) -> tf.Tensor:
    """Whether each of `length` frames or bands of each window is masked: bool [B, length]."""
    width_seed, start_seed = draws.split(seed, 2)
    widths = draws.integers([num_windows, num_masks], width_seed, 0, max_width + 1)
    num_starts = tf.cast(length - widths + 1, tf.float32)
    starts = tf.cast(draws.uniform([num_windows, num_masks], start_seed) * num_starts, tf.int32)
    positions = tf.range(length)[:, tf.newaxis]
    starts, widths = starts[:, tf.newaxis], widths[:, tf.newaxis]
    return tf.reduce_any((positions >= starts) & (positions < starts + widths), axis=2)
