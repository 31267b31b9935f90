"""VGG of 19 layers, configuration E (Simonyan and Zisserman 2015), as Hershey et al. 2017, section 3, use it for audio.

    layer       output of a 96 x 64 window, at width 1
    block 1     2 convolutions of 3 x 3, then 2 x 2 maximum of stride 2         48 x 32 x 64
    block 2     2 and the maximum                                               24 x 16 x 128
    block 3     4 and the maximum                                               12 x 8 x 256
    block 4     4 and the maximum                                               6 x 4 x 512
    block 5     4 and the maximum                                               3 x 2 x 512
    fc6, fc7    dense layers                                                    4096

Batch normalization follows every convolution; there is no dropout.

Under a policy of mixed precision the last ReLU alone is float32.
"""

import tensorflow as tf

from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.models.scaled_layers import ScaledLayers

layers = tf.keras.layers

MIN_SIZE = (32, 32)  # of windows or images: each of five blocks halves them

_BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))  # convolutions, channels


def features(x: tf.Tensor, config: NetworkConfig) -> tf.Tensor:
    """[B, height, width, channels] -> the activations of fc7, float32 [B, 4096] at width 1."""
    net = ScaledLayers(config)
    for block, (num_convolutions, channels) in enumerate(_BLOCKS, start=1):
        for index in range(1, num_convolutions + 1):
            x = net.convolution(x, net.scaled(channels), 3, f"block{block}_{index}")
        x = layers.MaxPool2D(2, name=f"block{block}_pool")(x)
    x = net.dense(layers.Flatten(name="flat")(x), net.scaled(4096), "fc6")
    return net.dense(x, net.scaled(4096), "fc7", dtype="float32")
