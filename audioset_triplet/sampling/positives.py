"""Augmentations of a window that keep its class: three of Jansen et al. 2018, section 3, filters and levels.

All act on linear energies [B, T, F], or [B, A, T, F] of A audio channels, float32, and return the same shape; the
logarithm is taken afterwards, because a factor on an energy and a ratio of energies have their meaning before it.
Randomness is stateless: the same `seed` (int [2]) gives the same result.
"""

from typing import Tuple, Union

import numpy as np
import tensorflow as tf

from audioset_triplet.sampling import draws

_FILTER_POINTS = 5  # of a random frequency response


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


def can_mix(energies: tf.Tensor, distractors: tf.Tensor) -> tf.Tensor:
    """1 where neither a window nor its distractor is silent, so that `mix` adds something, else 0: float32 [B]."""
    axes = list(range(1, len(energies.shape)))
    return tf.cast(tf.reduce_any(energies > 0, axes) & tf.reduce_any(distractors > 0, axes), tf.float32)


def filter_bands(energies: tf.Tensor, sigma_db: float, seed: tf.Tensor) -> tf.Tensor:
    """Each window by a random frequency response of its own, the same in all frames (and channels).

    The response in dB is linear between the middles of five equal parts of the bands, and constant beyond the outer
    ones; its values there are normal, of mean 0. So microphones, rooms and distances differ (linear FilterAugment, Nam
    et al. 2022, with parts of random width and uniform values).

    Args:
        energies: see above; magnitudes, so that 20 dB are a factor of 10.
        sigma_db: standard deviation of the values, in dB.
        seed: int [2].
    """
    num_bands = energies.shape[-1]
    places = (np.arange(num_bands) + 0.5) * _FILTER_POINTS / num_bands - 0.5
    corners = np.eye(_FILTER_POINTS)
    weights = np.stack([np.interp(places, np.arange(_FILTER_POINTS), corner) for corner in corners])  # [points, F]
    values_db = draws.normal([tf.shape(energies)[0], _FILTER_POINTS], seed, sigma_db)
    return _amplified(energies, tf.matmul(values_db, tf.constant(weights, tf.float32)))


def change_level(energies: tf.Tensor, sigma_db: float, seed: tf.Tensor) -> tf.Tensor:
    """Each window by a random factor of its own: in dB it is normal, of mean 0; arguments as of `filter_bands`."""
    return _amplified(energies, draws.normal([tf.shape(energies)[0], 1], seed, sigma_db))


def _amplified(energies: tf.Tensor, gains_db: tf.Tensor) -> tf.Tensor:
    """Energies [B, ..., F], and gains [B, F] or [B, 1]."""
    gains = tf.pow(10.0, gains_db / 20.0)
    return energies * tf.reshape(gains, [-1, *(1 for _ in energies.shape[1:-1]), gains_db.shape[-1]])
