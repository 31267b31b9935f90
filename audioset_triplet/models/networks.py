"""The networks that are trained: an architecture by name, from its input to an embedding or to classes.

Under a policy of mixed precision the architecture computes in it, the layers on top in float32.
"""

import dataclasses
import re
from typing import Callable, List, Sequence, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet.config.network import ClassifierNetworkConfig, EmbeddingNetworkConfig, NetworkConfig
from audioset_triplet.errors import UserError
from audioset_triplet.frontend import registry as front_ends
from audioset_triplet.models import registry

layers = tf.keras.layers

PRODUCT = "product"  # the layer of `with_product`
_EMBEDDING, _BOTTLENECK = "embedding", "bottleneck"  # names of layers


def feature_shape(config: NetworkConfig) -> Tuple[int, ...]:
    """The shape of a window of the features that a network takes."""
    return front_ends.by_name(config.front_end).feature_shape


def build_embedding(config: EmbeddingNetworkConfig, feature_shape: Sequence[int]) -> tf.keras.Model:
    """Features of windows [B, *feature_shape] -> embeddings [B, D] of unit length, float32.

    The output is linear and L2-normalized (Jansen et al. 2018, section 4).

    Raises:
        UserError: an unknown architecture, or one that does not take these features, or windows or images as small, or
            lacks a layer of `config.vectors`.
    """
    inputs = tf.keras.Input(feature_shape, name=config.front_end)
    outputs = _unit_embedding(_features(inputs, config), config)
    network = tf.keras.Model(inputs, outputs, name=_name(config))
    for name in config.vectors.layers:  # a run that begins says which are missing, not the export after it
        _layer(network, name)
    return network


def build_classifier(config: ClassifierNetworkConfig, feature_shape: Sequence[int], num_classes: int) -> tf.keras.Model:
    """Features of windows [B, *feature_shape] -> one logit per class, float32 [B, C].

    With `config.bottleneck` a linear layer of this name, of as many units, lies below the logits (Hershey et al. 2017,
    section 3 and Table 3).

    Raises:
        UserError: as for `build_embedding`.
    """
    inputs = tf.keras.Input(feature_shape, name=config.front_end)
    x = _features(inputs, config)
    if config.bottleneck:
        x = layers.Dense(config.bottleneck, dtype="float32", name=_BOTTLENECK)(x)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return tf.keras.Model(inputs, logits, name=f"{_name(config)}_classifier")


def bottleneck_embedding(classifier: tf.keras.Model) -> tf.keras.Model:
    """Features of windows -> the bottleneck of a classifier at unit length, float32 [B, D]; it shares the layers.

    Raises:
        ValueError: the classifier was built without a bottleneck.
    """
    outputs = layers.UnitNormalization(dtype="float32", name="unit_length")(classifier.get_layer(_BOTTLENECK).output)
    return tf.keras.Model(classifier.input, outputs, name=f"{classifier.name}_{_BOTTLENECK}")


def split_classifier(classifier: tf.keras.Model) -> Tuple[tf.keras.Model, Callable[[tf.Tensor], tf.Tensor]]:
    """The network below bottleneck and classes, windows -> features [B, C], and features -> logits; the same layers."""
    top = _layers_on_top(classifier)

    def to_logits(x: tf.Tensor) -> tf.Tensor:
        for layer in top:
            x = layer(x)
        return x

    return tf.keras.Model(classifier.input, top[0].input), to_logits


def concatenated_layers(network: tf.keras.Model, names: Sequence[str]) -> tf.keras.Model:
    """Features of windows -> some layers of an embedding network, side by side, float32 [B, D] of unit length.

    Each layer has the same share of the length. The network's layers are shared.

    Args:
        network: of `build_embedding`.
        names: `VectorConfig.layers`.

    Raises:
        UserError: the network has no such layer.
    """
    parts = [layers.UnitNormalization(dtype="float32", name=f"{name}_part")(_layer(network, name)) for name in names]
    outputs = parts[0]
    if len(parts) > 1:
        outputs = layers.Concatenate(dtype="float32", name="parts")(parts)
        outputs = layers.UnitNormalization(dtype="float32", name="unit_length_of_parts")(outputs)
    return tf.keras.Model(network.input, outputs, name=f"{network.name}-{'-'.join(names)}")


def with_product(network: tf.keras.Model, kernel: np.ndarray, bias: np.ndarray) -> tf.keras.Model:
    """Features of windows -> the output [B, D] of a network, times a kernel [D, K], plus a bias [K], at unit length.

    It shares the layers of the network.
    """
    product = layers.Dense(kernel.shape[1], dtype="float32", name=PRODUCT)
    outputs = layers.UnitNormalization(dtype="float32", name="unit_length_of_product")(product(network.output))
    product.set_weights([kernel, bias])
    return tf.keras.Model(network.input, outputs, name=f"{network.name}-white")


def _layer(network: tf.keras.Model, name: str) -> tf.Tensor:
    """The output of a layer of `VectorConfig.layers`, [B, C]."""
    if name == "embedding":
        return network.get_layer(_EMBEDDING).output
    if name == "features":
        return _layers_on_top(network)[0].input
    blocks = [layer for layer in network.layers if re.fullmatch(rf"{name}_block\d+_relu", layer.name)]
    if not blocks:
        raise UserError(f"--layers={name}: {network.name} has no such stage, which are those of ResNets.")
    return layers.GlobalAveragePooling2D(dtype="float32", name=f"{name}_average")(blocks[-1].output)


def architecture_of(network: tf.keras.Model) -> tf.keras.Model:
    """Of an embedding or a classifier the network below its own layers, windows -> features [B, C]; the same layers."""
    return tf.keras.Model(network.input, _layers_on_top(network)[0].input)


def _layers_on_top(network: tf.keras.Model) -> List[tf.keras.layers.Layer]:
    """The layers above the architecture that have weights, the lowest first."""
    names = {layer.name for layer in network.layers}
    return [network.get_layer(name) for name in (_EMBEDDING, _BOTTLENECK, "logits") if name in names]


def build_image_embedding(config: EmbeddingNetworkConfig, image_size: int, stem_stride: int) -> tf.keras.Model:
    """RGB images, uint8 [B, image_size, image_size, 3] -> embeddings [B, D] of unit length, float32.

    Args:
        config: the network on audio, whose architecture, width and embedding this one has.
        image_size: pixels of a side.
        stem_stride: of the first convolution of a ResNet: 2 as published by He et al. 2015.

    Raises:
        UserError: as for `build_embedding`.
    """
    config = dataclasses.replace(config, resnet=dataclasses.replace(config.resnet, stem_stride=stem_stride))
    inputs = tf.keras.Input([image_size, image_size, 3], dtype=tf.uint8, name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(inputs)
    outputs = _unit_embedding(_features(x, config), config)
    return tf.keras.Model(inputs, outputs, name=f"image_{_name(config)}")


def build_flat_features(feature_shape: Sequence[int], name: str) -> tf.keras.Model:
    """Features of windows [B, *feature_shape] -> the same values, flat and of unit length: no network at all.

    The baseline of Jansen et al. 2018, section 4.

    Args:
        feature_shape: of a window.
        name: of the front end.
    """
    inputs = tf.keras.Input(feature_shape, name=name)
    return tf.keras.Model(inputs, layers.UnitNormalization()(layers.Flatten()(inputs)), name=name)


def _name(config: NetworkConfig) -> str:
    name = registry.by_name(config.architecture).name
    return name(config) if name else config.architecture


def _features(x: tf.Tensor, config: NetworkConfig) -> tf.Tensor:
    """[B, height, width], [B, height, width, channels] or [B, A, height, width, channels] -> [B, C].

    A audio channels pass one after the other, so that each has statistics of its own in batch normalization; their
    features are summed (AndreyGuzhov/ESResNet, model/esresnet.py).
    """
    if len(x.shape) == 5:
        inputs = tf.keras.Input(x.shape[2:], name="audio_channel")
        of_channel = tf.keras.Model(inputs, _features(inputs, config), name="of_channel")
        channels = [tf.gather(x, a, axis=1) for a in range(x.shape[1])]  # TFLite has no x[:, a] of five axes
        return layers.Add(name="sum_of_channels", dtype="float32")([of_channel(channel) for channel in channels])
    architecture = registry.by_name(config.architecture)
    shape = tuple(x.shape[1:]) if len(x.shape) > 3 else (*x.shape[1:], 1)
    fits = len(shape) == 3 and all(side in (None, given) for side, given in zip(architecture.input_shape, shape))
    if not fits:
        taken = " x ".join(str(side or "any") for side in architecture.input_shape)
        raise UserError(f"--architecture={config.architecture} takes {taken}, not {' x '.join(map(str, shape))}.")
    if shape[0] < architecture.min_size[0] or shape[1] < architecture.min_size[1]:
        least, given = (" x ".join(map(str, size)) for size in (architecture.min_size, shape[:2]))
        raise UserError(f"--architecture={config.architecture} takes windows and images from {least} on, not {given}.")
    if len(x.shape) == 3:
        x = layers.Reshape(shape, name="channel")(x)
    return architecture.features(x, config)


def _unit_embedding(features: tf.Tensor, config: EmbeddingNetworkConfig) -> tf.Tensor:
    x = layers.Dense(config.embedding_size, dtype="float32", name=_EMBEDDING)(features)
    return layers.UnitNormalization(dtype="float32", name="unit_length")(x)
