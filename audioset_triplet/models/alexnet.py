"""AlexNet (Krizhevsky et al. 2012) as Hershey et al. 2017, section 3, changed it for audio.

    layer       output of a 96 x 64 window, at width 1
    conv1       11 x 11 convolution of stride 2 in time, not padded             43 x 54 x 96
    pool1       3 x 3 maximum of stride 2                                       21 x 26 x 96
    conv2       5 x 5                                                           21 x 26 x 256
    pool2       3 x 3 maximum of stride 2                                       10 x 12 x 256
    conv3       3 x 3                                                           10 x 12 x 384
    conv4       3 x 3                                                           10 x 12 x 384
    conv5       3 x 3                                                           10 x 12 x 256
    pool5       3 x 3 maximum of stride 2                                       4 x 5 x 256
    pool6       2 x 2 maximum of stride 2                                       2 x 2 x 256
    fc6, fc7    dense layers                                                    4096

Batch normalization takes the place of local response normalization, and no convolution is divided into two groups.

Departure: pool6 is in neither paper. Without it the network has 54.1 million weights, with it the published 37.3.

Under a policy of mixed precision the last ReLU alone is float32.
"""

import tensorflow as tf

from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.models.scaled_layers import ScaledLayers

layers = tf.keras.layers

MIN_SIZE = (55, 33)  # of windows or images, so that pool6 has an output


def features(x: tf.Tensor, config: NetworkConfig) -> tf.Tensor:
    """[B, height, width, channels] -> the activations of fc7, float32 [B, 4096] at width 1."""
    net = ScaledLayers(config)
    x = net.convolution(x, net.scaled(96), 11, "conv1", stride=(2, 1), padding="valid")
    x = layers.MaxPool2D(3, 2, name="pool1")(x)
    x = net.convolution(x, net.scaled(256), 5, "conv2")
    x = layers.MaxPool2D(3, 2, name="pool2")(x)
    x = net.convolution(x, net.scaled(384), 3, "conv3")
    x = net.convolution(x, net.scaled(384), 3, "conv4")
    x = net.convolution(x, net.scaled(256), 3, "conv5")
    x = layers.MaxPool2D(3, 2, name="pool5")(x)
    x = layers.MaxPool2D(2, name="pool6")(x)
    x = net.dense(layers.Flatten(name="flat")(x), net.scaled(4096), "fc6")
    return net.dense(x, net.scaled(4096), "fc7", dtype="float32")
