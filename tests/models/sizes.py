"""The size of a network, counted layer by layer."""

import numpy as np
import tensorflow as tf


def num_weights(network: tf.keras.Model) -> int:
    """Weights that are trained."""
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def multiplications(network: tf.keras.Model) -> int:
    """Of all convolutions and dense layers, for one window: kernel elements times output positions."""
    total = 0
    for layer in network.layers:
        if isinstance(layer, tf.keras.layers.Conv2D):
            total += int(np.prod(layer.kernel.shape)) * int(np.prod(layer.output_shape[1:3]))
        elif isinstance(layer, tf.keras.layers.Dense):
            total += int(np.prod(layer.kernel.shape))
    return total
