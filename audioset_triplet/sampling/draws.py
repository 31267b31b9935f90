"""Random numbers that are the same wherever they are drawn.

Of what `tf.random` draws without a state, integers below a power of two from seeds below 2^31 are the same in a
pipeline, in a step and in a step compiled with XLA (TensorFlow 2.15); other seeds, other integers and real numbers are
not. All is made of these.
"""

from typing import Any, List

import tensorflow as tf

_RESOLUTION = 1 << 23  # float32 holds these and the middles between them exactly


def uniform(shape: Any, seed: tf.Tensor, high: float = 1.0) -> tf.Tensor:
    """float32, evenly from [0, high), in 2^23 steps.

    Args:
        shape: of the result.
        seed: int [2]; the same seed gives the same numbers.
        high: the bound.
    """
    return tf.cast(_bits(shape, seed), tf.float32) * (high / _RESOLUTION)


def integers(shape: Any, seed: tf.Tensor, low: int, high: int) -> tf.Tensor:
    """int32, evenly from low to high - 1, to within (high - low) / 2^23; arguments as of `uniform`."""
    return low + tf.cast(uniform(shape, seed, high - low), tf.int32)


def normal(shape: Any, seed: tf.Tensor, stddev: float = 1.0) -> tf.Tensor:
    """float32 of mean 0, normally distributed, within 5.4 standard deviations; arguments as of `uniform`."""
    middles = (tf.cast(_bits(shape, seed), tf.float32) + 0.5) / _RESOLUTION
    return stddev * tf.math.ndtri(middles)


def order(count: int, seed: tf.Tensor) -> tf.Tensor:
    """The numbers from 0 to `count` - 1 in a random order, int32 (XLA cannot compile `stateless_shuffle`)."""
    return stable_order(_bits([count], seed))


def stable_order(keys: tf.Tensor) -> tf.Tensor:
    """The order of integers of 0 or more, [B], int32 [B]; equal ones stay as they were, also under XLA."""
    count = tf.size(keys, tf.int64)
    return tf.argsort(tf.cast(keys, tf.int64) * count + tf.range(count))


def split(seed: tf.Tensor, count: int) -> List[tf.Tensor]:
    """So many seeds made of one, int [2] each."""
    return tf.unstack(tf.random.experimental.stateless_split(_positive(seed), count))


def fold_in(seed: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    """A seed made of a seed and a number, int [2]."""
    return tf.random.experimental.stateless_fold_in(_positive(seed), number)


def _bits(shape: Any, seed: tf.Tensor) -> tf.Tensor:
    return tf.random.stateless_uniform(shape, _positive(seed), 0, _RESOLUTION, tf.int32)


def _positive(seed: tf.Tensor) -> tf.Tensor:
    """31 bits of each half of a seed: XLA takes the others for something else."""
    return tf.bitwise.bitwise_and(seed, tf.constant((1 << 31) - 1, seed.dtype))
