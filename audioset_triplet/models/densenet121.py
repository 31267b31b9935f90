"""DenseNet-121 (Huang et al. 2017), which Hornauer et al. 2021 try beside ESResNet: that of keras.applications.

    layer      output of a window of five seconds of the three-band front end, at width 1
    stem       7 x 7 convolution of stride 2, then 3 x 3 maximum of stride 2         99 x 86 x 64
    block 1    6 layers of 32 channels, each beside its input; half by 1 x 1, mean   49 x 43 x 128
    block 2    12                                                                    24 x 21 x 256
    block 3    24                                                                    12 x 10 x 512
    block 4    16                                                                    12 x 10 x 1024
    pool       average over the map                                                  1024

Hornauer et al. name no more than "DenseNet"; this is the smallest one, with as many weights as their argument for small
devices needs. The width multiplies the channels of each convolution.

Under a policy of mixed precision the last average alone is float32.
"""

from typing import Optional

import tensorflow as tf

from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.models.scaled_layers import ScaledLayers

layers = tf.keras.layers

MIN_SIZE = (32, 32)  # of windows or images: each of stem, maximum and three transitions halves them


def features(x: tf.Tensor, config: NetworkConfig) -> tf.Tensor:
    """[B, height, width, channels] -> the averages of the last map, float32 [B, 1024] at width 1."""
    net = ScaledLayers(config)
    published = tf.keras.applications.DenseNet121(include_top=False, weights=None, input_shape=x.shape[1:])

    def scaled(layer: tf.keras.layers.Layer) -> tf.keras.layers.Layer:
        settings = layer.get_config()
        if isinstance(layer, layers.Conv2D):
            settings["filters"] = net.scaled(layer.filters)
        if isinstance(layer, layers.BatchNormalization):
            settings["synchronized"] = net.synchronized
        return type(layer).from_config(settings)

    backbone = tf.keras.models.clone_model(published, clone_function=scaled)
    return layers.GlobalAveragePooling2D(dtype="float32", name="average_pool")(backbone(x))


def imagenet_layer(name: str) -> Optional[str]:
    """The name of a layer in the file of keras.applications: the same; None for the layers on top."""
    return name if name.startswith(("conv", "pool", "bn")) else None
