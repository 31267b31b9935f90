"""Three dense layers, the baseline of Hershey et al. 2017, section 3.

    layer       output of a 96 x 64 window, at width 1
    input       all values of the window                                        6144
    fc1 to fc3  dense layers of 1000 units with ReLU                            1000

Nothing is convolved, so there is no batch normalization either.

Under a policy of mixed precision the last ReLU alone is float32.
"""

import tensorflow as tf

from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.models.scaled_layers import ScaledLayers

layers = tf.keras.layers


def features(x: tf.Tensor, config: NetworkConfig) -> tf.Tensor:
    """[B, height, width, channels] -> the activations of the last layer, float32 [B, 1000] at width 1."""
    net = ScaledLayers(config)
    x = layers.Flatten(name="flat")(x)
    for name, dtype in (("fc1", None), ("fc2", None), ("fc3", "float32")):
        x = net.dense(x, net.scaled(1000), name, dtype)
    return x
