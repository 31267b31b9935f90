"""Inception V3 (Szegedy et al. 2015) as Hershey et al. 2017, section 3, changed it for audio.

    layer       output of a 96 x 64 window, at width 1
    stem        1 x 1 convolution of 80 channels, 3 x 3 without padding         94 x 62 x 192
                3 x 3 maximum of stride 2                                       46 x 30 x 192
    mixed 0-2   branches: 1 x 1; 5 x 5; twice 3 x 3; average                    46 x 30 x 256, 288, 288
    mixed 3     of stride 2: 3 x 3; twice 3 x 3; maximum                        22 x 14 x 768
    mixed 4-7   1 x 1; 1 x 7 and 7 x 1; twice the two; average                  22 x 14 x 768
    mixed 8     of stride 2: 3 x 3; 1 x 7, 7 x 1 and 3 x 3; maximum             10 x 6 x 1280
    mixed 9-10  1 x 1; 1 x 3 beside 3 x 1; 3 x 3, then the two; average         10 x 6 x 2048
    pool        average over the map                                            2048

The first four layers of the stem, with its first maximum, and the auxiliary output are left out. Every branch begins
with a 1 x 1 convolution, but the 3 x 3 of mixed 3 and the maxima. Convolutions are padded unless they have a stride.

Departure: the weights and the 10 x 6 of the last average are the published ones, the multiplications are not: 5.44
billion, where the paper has 4.7 and does not say how to come to them.

Under a policy of mixed precision the last average alone is float32.
"""

from typing import Sequence, Tuple, Union

import tensorflow as tf

from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.models.scaled_layers import ScaledLayers

layers = tf.keras.layers

MIN_SIZE = (17, 17)  # of windows or images, so that the last map has a position

_Convolution = Tuple[int, Union[int, Tuple[int, int]]]  # channels at width 1, size
_WIDE, _TALL = (1, 7), (7, 1)


def features(x: tf.Tensor, config: NetworkConfig) -> tf.Tensor:
    """[B, height, width, channels] -> the averages of the last map, float32 [B, 2048] at width 1."""
    net = ScaledLayers(config)
    x = net.convolution(x, net.scaled(80), 1, "stem1")
    x = net.convolution(x, net.scaled(192), 3, "stem2", padding="valid")
    x = _maximum(x, "stem")
    for number, pooled in enumerate((32, 64, 64)):
        x = _mixed_5x5(net, x, pooled, f"mixed{number}")
    x = _reduce_3x3(net, x, "mixed3")
    for number, channels in enumerate((128, 160, 160, 192), start=4):
        x = _mixed_7x7(net, x, channels, f"mixed{number}")
    x = _reduce_7x7(net, x, "mixed8")
    for number in (9, 10):
        x = _mixed_split(net, x, f"mixed{number}")
    return layers.GlobalAveragePooling2D(dtype="float32", name="average_pool")(x)


def _mixed_5x5(net: ScaledLayers, x: tf.Tensor, pooled: int, name: str) -> tf.Tensor:
    one = _branch(net, x, f"{name}_1x1", [(64, 1)])
    five = _branch(net, x, f"{name}_5x5", [(48, 1), (64, 5)])
    three = _branch(net, x, f"{name}_3x3", [(64, 1), (96, 3), (96, 3)])
    pool = _branch(net, _average(x, name), f"{name}_pool", [(pooled, 1)])
    return layers.Concatenate(name=name)([one, five, three, pool])


def _reduce_3x3(net: ScaledLayers, x: tf.Tensor, name: str) -> tf.Tensor:
    once = _branch(net, x, f"{name}_once", [(384, 3)], last_stride=2)
    twice = _branch(net, x, f"{name}_twice", [(64, 1), (96, 3), (96, 3)], last_stride=2)
    return layers.Concatenate(name=name)([once, twice, _maximum(x, name)])


def _mixed_7x7(net: ScaledLayers, x: tf.Tensor, channels: int, name: str) -> tf.Tensor:
    wide, tall = (channels, _WIDE), (channels, _TALL)
    one = _branch(net, x, f"{name}_1x1", [(192, 1)])
    once = _branch(net, x, f"{name}_once", [(channels, 1), wide, (192, _TALL)])
    twice = _branch(net, x, f"{name}_twice", [(channels, 1), tall, wide, tall, (192, _WIDE)])
    pool = _branch(net, _average(x, name), f"{name}_pool", [(192, 1)])
    return layers.Concatenate(name=name)([one, once, twice, pool])


def _reduce_7x7(net: ScaledLayers, x: tf.Tensor, name: str) -> tf.Tensor:
    three = _branch(net, x, f"{name}_3x3", [(192, 1), (320, 3)], last_stride=2)
    seven = _branch(net, x, f"{name}_7x7", [(192, 1), (192, _WIDE), (192, _TALL), (192, 3)], last_stride=2)
    return layers.Concatenate(name=name)([three, seven, _maximum(x, name)])


def _mixed_split(net: ScaledLayers, x: tf.Tensor, name: str) -> tf.Tensor:
    one = _branch(net, x, f"{name}_1x1", [(320, 1)])
    once = _branch(net, x, f"{name}_once", [(384, 1)])
    twice = _branch(net, x, f"{name}_twice", [(448, 1), (384, 3)])
    pool = _branch(net, _average(x, name), f"{name}_pool", [(192, 1)])
    split = [
        _branch(net, branch, f"{name}_{which}_{shape}", [(384, size)])
        for which, branch in (("once", once), ("twice", twice))
        for shape, size in (("wide", (1, 3)), ("tall", (3, 1)))
    ]
    return layers.Concatenate(name=name)([one, *split, pool])


def _branch(
    net: ScaledLayers, x: tf.Tensor, name: str, convolutions: Sequence[_Convolution], last_stride: int = 1
) -> tf.Tensor:
    """Convolutions one after the other; one with a stride is not padded."""
    for number, (channels, size) in enumerate(convolutions, start=1):
        stride = last_stride if number == len(convolutions) else 1
        padding = "same" if stride == 1 else "valid"
        x = net.convolution(x, net.scaled(channels), size, f"{name}_{number}", stride, padding)
    return x


def _average(x: tf.Tensor, name: str) -> tf.Tensor:
    return layers.AveragePooling2D(3, 1, padding="same", name=f"{name}_average")(x)


def _maximum(x: tf.Tensor, name: str) -> tf.Tensor:
    return layers.MaxPool2D(3, 2, name=f"{name}_maximum")(x)
