"""The precision in which a network computes."""

import contextlib
from typing import Iterator

import tensorflow as tf


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Layers that are built in the block compute in this precision (`TrainingConfig.precision`) by default.

    Their weights are float32.
    """
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
