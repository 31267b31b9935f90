"""A window of a clip: scaled in time, padded, cropped and reversed, in this order (Guzhov et al. 2021, ESResNet).

Departures from ESResNet's released code: a random crop is the first of some random windows that is not silent
(`window_draws`), where that code compares standard deviations; and its flip swaps the channels of a stereo clip and
does nothing to a mono one, where the papers say inversion in time.

Shapes: L samples of a clip, S samples of a window. Samples are int16, of any number of channels behind the first axis.
"""

import tensorflow as tf

from audioset_triplet.config.waveforms import WaveformConfig
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.sampling import draws, window_draws
from audioset_triplet.sampling.window_draws import Tensors

_SCALE, _PADDING, _REVERSAL = 1, 2, 3  # what is drawn beside the start of the window


def random_window(clip: Tensors, front_end: FrontEnd, config: WaveformConfig, seed: tf.Tensor) -> tf.Tensor:
    """A window of a clip of any length: int16 [S].

    Without an augmentation it is that of `window_draws.random_window`.

    Args:
        clip: a parsed record.
        front_end: of the window.
        config: the augmentations.
        seed: int64 [2]; the same seed gives the same window.
    """
    pcm = clip["pcm"]
    if config.time_scale > 1:
        exponent = 2.0 * draws.uniform([], draws.fold_in(seed, _SCALE)) - 1.0
        pcm = scale_time(pcm, config.time_scale**exponent)
    if config.random_padding:
        pcm = pad_edges(pcm, front_end.window_samples, draws.uniform([], draws.fold_in(seed, _PADDING)))
    clip = {**clip, "pcm": pcm}
    if config.random_crop:
        window = window_draws.random_window(clip, front_end, seed)
    else:
        window, _ = window_draws.active_window(clip, front_end, lambda count: [(count - 1) // 2])
    if not config.reversed_share:
        return window
    is_reversed = draws.uniform([], draws.fold_in(seed, _REVERSAL)) < config.reversed_share
    return tf.where(is_reversed, tf.reverse(window, [0]), window)


def scale_time(pcm: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """[L, ...] -> [floor(factor L), ...], interpolated linearly; at least a sample, unless L is 0.

    Sample k lies at k / factor: a factor above 1 makes the clip longer and lower.
    """
    count = tf.shape(pcm)[0]
    length = tf.maximum(tf.cast(factor * tf.cast(count, tf.float32), tf.int32), tf.minimum(count, 1))
    positions = tf.cast(tf.range(length), tf.float64) / tf.cast(factor, tf.float64)
    positions = tf.minimum(positions, tf.cast(count - 1, tf.float64))
    before = tf.cast(positions, tf.int32)
    after = tf.minimum(before + 1, count - 1)
    share = tf.cast(positions - tf.cast(before, tf.float64), tf.float32)
    share = tf.reshape(share, [-1, *(1 for _ in pcm.shape[1:])])
    first, second = (tf.cast(tf.gather(pcm, index), tf.float32) for index in (before, after))
    return tf.cast(tf.round(first + share * (second - first)), pcm.dtype)


def pad_edges(pcm: tf.Tensor, num_samples: int, place: tf.Tensor) -> tf.Tensor:
    """[L, ...] -> [max(L, num_samples), ...]: the first sample before it, the last one after it.

    Args:
        pcm: the clip; one of no samples stays as it is.
        num_samples: length to reach.
        place: where it lies: 0 is the start, and below 1 every place is as likely; float32 [].
    """
    count = tf.shape(pcm)[0]
    missing = tf.where(count > 0, tf.maximum(0, num_samples - count), 0)
    left = tf.cast(place * tf.cast(missing + 1, tf.float32), tf.int32)
    rows = tf.clip_by_value(tf.range(count + missing) - left, 0, tf.maximum(0, count - 1))
    return tf.gather(pcm, rows)
