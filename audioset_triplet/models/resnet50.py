"""ResNet-50 (He et al. 2015) as Hershey et al. 2017, section 3, changed it for audio.

    layer      output of a 96 x 64 window, at width 1 and stem stride 1
    stem       7 x 7 convolution without stride, then 3 x 3 maximum of stride 2      48 x 32 x 64
    stage 1    3 bottleneck blocks                                                   48 x 32 x 256
    stage 2    4 of stride 2                                                         24 x 16 x 512
    stage 3    6 of stride 2                                                         12 x 8 x 1024
    stage 4    3 of stride 2                                                         6 x 4 x 2048
    pool       average over the map                                                  2048

Version 1: the stride of a block is that of its first 1 x 1 convolution. Batch normalization follows every convolution;
convolutions have no bias. With stem stride 2 it is the original for images (Jansen et al. 2020 use it for these).

Under a policy of mixed precision the last average alone is float32.
"""

import tensorflow as tf

from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.models import residual_stages
from audioset_triplet.models.scaled_layers import ScaledLayers

layers = tf.keras.layers


def name(config: NetworkConfig) -> str:
    """resnet50, or resnetN of N layers."""
    return f"resnet{config.resnet.num_layers}"


def features(x: tf.Tensor, config: NetworkConfig) -> tf.Tensor:
    """[B, height, width, channels] -> the averages of the last map, float32 [B, 2048] at width 1."""
    net = ScaledLayers(config)
    x = net.convolution(x, net.scaled(64), 7, "stem", config.resnet.stem_stride)
    x = layers.MaxPool2D(3, 2, padding="same", name="stem_pool")(x)
    for number, num_blocks in enumerate(config.resnet.blocks, start=1):
        x = residual_stages.stage(net, x, number, num_blocks, strided="reduce")
    return layers.GlobalAveragePooling2D(dtype="float32", name="average_pool")(x)
