"""MobileNet (Howard et al. 2017), the first version, for small devices; YAMNet is this network on log-mel windows.

    layer       output of a 96 x 64 window, at width 1
    stem        3 x 3 convolution of stride 2                                   48 x 32 x 32
    block 1     3 x 3 convolution of each channel by itself, 1 x 1 convolution  48 x 32 x 64
    2 and 3     the same; here and below the first has stride 2                 24 x 16 x 128
    4 and 5                                                                     12 x 8 x 256
    6 to 11                                                                     6 x 4 x 512
    12 and 13                                                                   3 x 2 x 1024
    pool        average over the map                                            1024

Batch normalization and ReLU follow every convolution.

Under a policy of mixed precision the last average alone is float32.
"""

import tensorflow as tf

from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.models.scaled_layers import ScaledLayers

layers = tf.keras.layers

# Channels, stride.
_BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1)),
    *((512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
)


def features(x: tf.Tensor, config: NetworkConfig) -> tf.Tensor:
    """[B, height, width, channels] -> the averages of the last map, float32 [B, 1024] at width 1."""
    net = ScaledLayers(config)
    x = net.convolution(x, net.scaled(32), 3, "stem", stride=2)
    for number, (channels, stride) in enumerate(_BLOCKS, start=1):
        x = net.depthwise_convolution(x, 3, f"block{number}_depthwise", stride)
        x = net.convolution(x, net.scaled(channels), 1, f"block{number}_pointwise")
    return layers.GlobalAveragePooling2D(dtype="float32", name="average_pool")(x)
