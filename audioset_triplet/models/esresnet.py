"""ESResNet (Guzhov et al. 2020), the network of Hornauer et al. 2021: ResNet-50 on the three-band front end.

    layer      output of a window of five seconds, at width 1
    stem       7 x 7 convolution of stride 2, then 3 x 3 maximum of stride 2         99 x 86 x 64
    stage 1    3 bottleneck blocks                                                   99 x 86 x 256
    stage 2    4 of stride 2                                                         50 x 43 x 512
    stage 3    6 of stride 2                                                         25 x 22 x 1024
    stage 4    3 of stride 2                                                         13 x 11 x 2048
    pool       average over the map                                                  2048

Version 1.5, as in torchvision: the stride of a block is that of its 3 x 3 convolution, and paddings are the same on
both sides. `models.resnet50` is the variant of Hershey et al. 2017, for small windows.

With attention a unit beside each stage computes a factor for every value of its output, from the input of the stage:

    maximum to the size of the output, convolution of each channel by itself, 1 x 1 convolution, batch normalization,
    sigmoid

The product goes to the next stage and to the next unit. The kernels are 3 bands in stages 1 and 3, 5 frames in stages
2 and 4. A fifth unit, on the maximum over the last map, multiplies the average.

Source: AndreyGuzhov/ESResNet, model/esresnet.py and model/attention.py. Initial weights are those of PyTorch: uniform
within 1 / sqrt(fan-in), biases too. Batch normalization moves its averages by a tenth a step.

Departure: the layer on top, embedding or classes, starts as all others of this project do.

Under a policy of mixed precision the average, and the product with the last unit, are float32.
"""

from typing import Tuple

import tensorflow as tf

from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.models import residual_stages
from audioset_triplet.models.scaled_layers import ScaledLayers

layers = tf.keras.layers

_KERNELS = ((1, 3), (5, 1), (1, 3), (5, 1), (5, 3))  # of the attention units: frames, bands


def name(config: NetworkConfig) -> str:
    """esresnet, or esresnetN of N layers where the blocks are not the published 50."""
    depth = 3 * sum(config.resnet.blocks) + 2
    return f"{config.architecture}{'' if depth == 50 else depth}"


def features(x: tf.Tensor, config: NetworkConfig) -> tf.Tensor:
    """[B, T, F, channels] -> the averages of the last map, float32 [B, 2048] at width 1."""
    return _features(x, config, has_attention=False)


def attention_features(x: tf.Tensor, config: NetworkConfig) -> tf.Tensor:
    """As `features`, with attention."""
    return _features(x, config, has_attention=True)


def _features(x: tf.Tensor, config: NetworkConfig, has_attention: bool) -> tf.Tensor:
    net = ScaledLayers(config, _kernel_initializer, momentum=0.9)
    x = net.convolution(x, net.scaled(64), 7, "stem", 2, "symmetric")
    x = layers.MaxPool2D(3, 2, name="stem_pool")(layers.ZeroPadding2D(1, name="stem_pool_pad")(x))  # of ReLU: none < 0
    for number, num_blocks in enumerate(config.resnet.blocks, start=1):
        inputs = x
        x = residual_stages.stage(net, x, number, num_blocks, strided="spatial")
        if has_attention:
            name = f"attention{number}"
            pooled = adaptive_maximum(inputs, x.shape[1:3], f"{name}_pool")
            factors = attention(net, pooled, x.shape[-1], _KERNELS[number - 1], name)
            x = layers.Multiply(name=f"{name}_product")([x, factors])
    average = layers.GlobalAveragePooling2D(dtype="float32", name="average_pool")(x)
    if not has_attention:
        return average
    maximum = layers.GlobalMaxPooling2D(keepdims=True, name="attention5_pool")(x)
    factors = attention(net, maximum, x.shape[-1], _KERNELS[4], "attention5")
    factors = layers.Flatten(dtype="float32", name="attention5_factors")(factors)
    return layers.Multiply(dtype="float32", name="attention5_product")([average, factors])


def attention(net: ScaledLayers, x: tf.Tensor, channels: int, size: Tuple[int, int], name: str) -> tf.Tensor:
    """Factors from 0 to 1, [B, height, width, channels].

    Args:
        net: makes the batch normalization.
        x: [B, height, width, C], of the size of what is multiplied.
        channels: of what is multiplied, as `scaled` gives them.
        size: of the kernel: frames, bands.
        name: of the layers, with which they begin.
    """
    x = layers.DepthwiseConv2D(
        size,
        padding="same",
        depthwise_initializer=_uniform(size[0] * size[1]),
        bias_initializer=_uniform(size[0] * size[1]),
        name=f"{name}_depthwise",
    )(x)
    x = layers.Conv2D(
        channels,
        1,
        kernel_initializer=_kernel_initializer(),
        bias_initializer=_uniform(x.shape[-1]),
        name=f"{name}_pointwise",
    )(x)
    return layers.Activation("sigmoid", name=f"{name}_sigmoid")(net.norm(x, name))


def adaptive_maximum(x: tf.Tensor, size: Tuple[int, int], name: str) -> tf.Tensor:
    """The maximum of PyTorch's AdaptiveMaxPool2d, to the size of a map of stride 1 or 2, half rounded up.

    Row i of h is the maximum of the rows from floor(i H / h) up to ceil((i + 1) H / h). Where h is half of an even H
    these are two rows; of an odd H three, which overlap, and two at both ends.
    """
    given = tuple(x.shape[1:3])
    if given == tuple(size):
        return x
    return layers.MaxPool2D([2 + side % 2 for side in given], 2, padding="same", name=name)(x)


def _kernel_initializer() -> tf.keras.initializers.Initializer:
    return tf.keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")  # within 1 / sqrt(fan-in)


def _uniform(fan_in: int) -> tf.keras.initializers.Initializer:
    return tf.keras.initializers.RandomUniform(-(fan_in**-0.5), fan_in**-0.5)
