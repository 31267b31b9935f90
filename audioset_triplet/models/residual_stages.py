"""The four stages of bottleneck blocks that ResNets of 50 layers and more consist of (He et al. 2015)."""

import re
from typing import Optional

import tensorflow as tf

from audioset_triplet.models.scaled_layers import ScaledLayers

layers = tf.keras.layers

_STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))  # channels, stride of the first block
_EXPANSION = 4
_IMAGENET_NUMBERS = {"shortcut": 0, "reduce": 1, "spatial": 2, "expand": 3}
_IMAGENET_KINDS = {"conv": "conv", "norm": "bn"}


def stage(net: ScaledLayers, x: tf.Tensor, number: int, num_blocks: int, strided: str) -> tf.Tensor:
    """One of the stages, [B, height, width, C] -> the same or half the size, a multiple of 256 channels at width 1.

    Args:
        net: makes the layers; those of the second block of stage 1 begin with stage1_block2.
        x: the output of the stage before.
        number: of the stage, 1 to 4.
        num_blocks: at least one; the first has the stride.
        strided: which convolution has the stride: `reduce`, the first (version 1), or `spatial`, the 3 x 3 (1.5).
    """
    channels, stride = _STAGES[number - 1]
    for block in range(1, num_blocks + 1):
        strides = {strided: stride if block == 1 else 1}
        x = _bottleneck(net, x, net.scaled(channels), f"stage{number}_block{block}", **strides)
    return x


def _bottleneck(
    net: ScaledLayers, x: tf.Tensor, channels: int, name: str, reduce: int = 1, spatial: int = 1
) -> tf.Tensor:
    """A block with the strides `reduce` and `spatial`."""
    output_channels, stride = _EXPANSION * channels, reduce * spatial
    shortcut = x
    if stride != 1 or x.shape[-1] != output_channels:
        shortcut = net.convolution(x, output_channels, 1, f"{name}_shortcut", stride, activate=False)
    x = net.convolution(x, channels, 1, f"{name}_reduce", reduce)
    x = net.convolution(x, channels, 3, f"{name}_spatial", spatial, "symmetric")
    x = net.convolution(x, output_channels, 1, f"{name}_expand", activate=False)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, shortcut]))


def imagenet_layer(name: str) -> Optional[str]:
    """The name of a layer in the file of keras.applications: stage2_block1_reduce_conv is conv3_block1_1_conv.

    None: it has no such layer.
    """
    match = re.fullmatch(r"(?:stem|stage(?P<stage>\d)_block(?P<block>\d+)_(?P<part>[a-z]+))_(?P<kind>conv|norm)", name)
    if not match:
        return None
    kind = _IMAGENET_KINDS[match["kind"]]
    if not match["stage"]:
        return f"conv1_{kind}"
    return f"conv{int(match['stage']) + 1}_block{match['block']}_{_IMAGENET_NUMBERS[match['part']]}_{kind}"
