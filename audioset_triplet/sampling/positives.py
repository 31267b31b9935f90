"""Three augmentations of a window that keep its class (Jansen et al. 2018, section 3).

All act on linear energies [B, T, F], or [B, A, T, F] of A audio channels, float32, and return the same shape; the
logarithm is taken afterwards, because a factor on an energy and a ratio of energies have their meaning before it.
Randomness is stateless: the same `seed` (int [2]) gives the same result.
"""

from typing import Tuple, Union

import tensorflow as tf

from audioset_triplet.sampling import draws


def add_noise(energies: tf.Tensor, sigma: float, seed: tf.Tensor) -> tf.Tensor:
    """x * (1 + |eps|), eps ~ N(0, sigma^2), independent for every frame and band (and channel)."""
    eps = draws.normal(tf.shape(energies), seed, sigma)
    return energies * (1.0 + tf.abs(eps))


def draw_shifts(batch_size: int, num_frames: int, max_bands: int, seed: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
    """Shifts for `translate`, int32 [B] each: frames uniform in 0..num_frames - 1, bands in -max_bands..max_bands."""
    time_seed, band_seed = draws.split(seed, 2)
    frames = draws.integers([batch_size], time_seed, 0, num_frames)
    bands = draws.integers([batch_size], band_seed, -max_bands, max_bands + 1)
    return frames, bands


def translate(energies: tf.Tensor, shift_frames: tf.Tensor, shift_bands: tf.Tensor) -> tf.Tensor:
    """Moves each window later by `shift_frames` [B], circularly, and up by `shift_bands` [B].

    What is pushed over the edge in frequency is lost, and the vacated bands have zero energy. Audio channels move
    together.
    """
    if len(energies.shape) == 4:
        channels = tf.unstack(energies, axis=1)
        return tf.stack([translate(channel, shift_frames, shift_bands) for channel in channels], axis=1)
    num_frames, num_bands = energies.shape[1], energies.shape[2]
    source_frames = (tf.range(num_frames) - shift_frames[:, tf.newaxis]) % num_frames  # [B, T]
    source_bands = tf.range(num_bands) - shift_bands[:, tf.newaxis]  # [B, F]
    inside = tf.cast((source_bands >= 0) & (source_bands < num_bands), energies.dtype)
    moved = tf.gather(energies, source_frames, axis=1, batch_dims=1)
    moved = tf.gather(moved, tf.clip_by_value(source_bands, 0, num_bands - 1), axis=2, batch_dims=1)
    return moved * inside[:, tf.newaxis, :]


def mix(energies: tf.Tensor, distractors: tf.Tensor, alpha: Union[float, tf.Tensor]) -> tf.Tensor:
    """x_a + alpha * E(x_a) / E(x_n) * x_n, E being the sum over all of a window; one alpha or one per row, [B].

    A silent distractor adds nothing, and nothing is added to a silent anchor.
    """
    axes = list(range(1, len(energies.shape)))
    alpha = tf.reshape(alpha, [-1, *(1 for _ in axes)])
    total, distractor_total = (tf.reduce_sum(x, axis=axes, keepdims=True) for x in (energies, distractors))
    return energies + alpha * tf.math.divide_no_nan(total, distractor_total) * distractors
