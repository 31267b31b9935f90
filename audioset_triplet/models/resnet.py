"""ResNet-50 on log-mel windows or pictures, with a unit-norm embedding or with a classifier on top.

He et al. 2015 (v1: the stride of a block is in its first 1x1 convolution, as in the original), with the changes of
Hershey et al. 2017, section 3.1: no stride in the first 7x7 convolution and a 6x4 average pool. The 128-d linear
output, L2-normalised, is that of Jansen et al. 2018; their classifier "trained from scratch" has the classes as its
linear output. Batch normalisation follows every convolution; convolutions have no bias. On pictures (Jansen et al.
2020) it is the original but for its input, three channels from -1 to 1.

Under a policy of mixed precision everything up to the last map computes in it, the rest in float32.
"""

import functools
from typing import Callable

import tensorflow as tf

from audioset_triplet.config.network import EmbeddingNetworkConfig, NetworkConfig
from audioset_triplet.frontend import constants

layers = tf.keras.layers

_STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))  # channels, stride of the first block
_EXPANSION = 4

# A name -> a batch normalisation.
_Norm = Callable[..., tf.keras.layers.Layer]


def _convolution(
    x: tf.Tensor, channels: int, size: int, stride: int, name: str, norm: _Norm, activate: bool = True
) -> tf.Tensor:
    x = layers.Conv2D(
        channels, size, stride, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)
    x = norm(name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if activate else x


def _bottleneck(x: tf.Tensor, channels: int, stride: int, name: str, norm: _Norm) -> tf.Tensor:
    output_channels = _EXPANSION * channels
    shortcut = x
    if stride != 1 or x.shape[-1] != output_channels:
        shortcut = _convolution(x, output_channels, 1, stride, f"{name}_shortcut", norm, activate=False)
    x = _convolution(x, channels, 1, stride, f"{name}_reduce", norm)
    x = _convolution(x, channels, 3, 1, f"{name}_spatial", norm)
    x = _convolution(x, output_channels, 1, 1, f"{name}_expand", norm, activate=False)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, shortcut]))


def build_resnet50(config: EmbeddingNetworkConfig) -> tf.keras.Model:
    """Log-mel windows [B, 96, 64] -> embeddings [B, D] of unit length, float32.

    At width 1 and stem stride 1 it has 23.76 million trainable weights and takes 1.85 billion multiplications per
    window.
    """
    inputs = _log_mel_input()
    outputs = _unit_embedding(_features(_channel(inputs), config, config.resnet.stem_stride), config)
    return tf.keras.Model(inputs, outputs, name=_name(config))


def build_picture_resnet50(config: EmbeddingNetworkConfig, image_size: int, stem_stride: int) -> tf.keras.Model:
    """RGB pictures, uint8 [B, image_size, image_size, 3] -> embeddings [B, D] of unit length, float32.

    Args:
        config: width, batch normalisation and embedding; its stem stride is that of the network on sound.
        image_size: pixels of a side.
        stem_stride: of the first convolution: 2 as published by He et al. 2015.
    """
    inputs = tf.keras.Input([image_size, image_size, 3], dtype=tf.uint8, name="picture")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(inputs)
    outputs = _unit_embedding(_features(x, config, stem_stride), config)
    return tf.keras.Model(inputs, outputs, name=f"picture_{_name(config)}")


def build_resnet50_classifier(config: NetworkConfig, num_classes: int) -> tf.keras.Model:
    """Log-mel windows [B, 96, 64] -> one logit per class, [B, C], float32."""
    inputs = _log_mel_input()
    x = _features(_channel(inputs), config, config.resnet.stem_stride)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return tf.keras.Model(inputs, logits, name=f"{_name(config)}_classifier")


def _name(config: NetworkConfig) -> str:
    """Counts the layers, as the original does: three a block, the first convolution and the last product."""
    return f"resnet{3 * sum(config.resnet.blocks) + 2}"


def _log_mel_input() -> tf.Tensor:
    return tf.keras.Input([constants.WINDOW_FRAMES, constants.NUM_BANDS], name="log_mel")


def _channel(log_mel: tf.Tensor) -> tf.Tensor:
    """[B, 96, 64] -> [B, 96, 64, 1]."""
    return layers.Reshape([constants.WINDOW_FRAMES, constants.NUM_BANDS, 1], name="channel")(log_mel)


def _unit_embedding(features: tf.Tensor, config: EmbeddingNetworkConfig) -> tf.Tensor:
    x = layers.Dense(config.embedding_size, dtype="float32", name="embedding")(features)
    return layers.UnitNormalization(dtype="float32", name="unit_length")(x)


def _features(x: tf.Tensor, config: NetworkConfig, stem_stride: int) -> tf.Tensor:
    """[B, height, width, channels] -> the averages of the last map, [B, 2048] at width 1."""

    def scaled(channels: int) -> int:
        return max(1, round(channels * config.width))

    norm = functools.partial(layers.BatchNormalization, epsilon=1e-5, synchronized=config.batch_norm == "all")
    x = _convolution(x, scaled(64), 7, stem_stride, "stem", norm)
    x = layers.MaxPool2D(3, 2, padding="same", name="stem_pool")(x)
    for stage, ((channels, stride), num_blocks) in enumerate(zip(_STAGES, config.resnet.blocks), start=1):
        for block in range(1, num_blocks + 1):
            x = _bottleneck(x, scaled(channels), stride if block == 1 else 1, f"stage{stage}_block{block}", norm)
    # Of log-mel windows the last map is 6x4 at stem stride 1: the average over all of it is the 6x4 average pool.
    return layers.GlobalAveragePooling2D(dtype="float32", name="average_pool")(x)
