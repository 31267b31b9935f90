"""Weights that were learned on images as the start of networks on audio: files of keras.applications, in HDF5.

    resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5       resnet50, esresnet, esresnet_attention
    densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5    densenet121

The user brings the file (or any that Keras 2 writes of these networks, with or without classes). What it lacks, the
units of attention and the layer on top, starts at random.

Frequency takes the place of an image's height, as in ESResNet: kernels are transposed, because windows here are frames
by bands. A bias of a convolution goes into the mean of the batch normalization behind it.

Departure: Guzhov et al. 2020 start from torchvision's ResNet-50, whose blocks have the stride in the 3 x 3 convolution;
that of Keras has it in the first 1 x 1. The weights have the same shapes. Features right after loading are not those
of either; training goes on from there.
"""

import os
from typing import Any, Dict, Iterator, List

import h5py
import numpy as np
import tensorflow as tf

from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.errors import UserError
from audioset_triplet.models import registry


def load(network: tf.keras.Model, config: NetworkConfig) -> int:
    """Gives the layers of a network the weights of `config.imagenet_weights`; without a file it does nothing.

    Returns:
        How many layers have weights of the file.

    Raises:
        UserError: no such file, one of another network, an architecture that has none, or another width or number of
            channels than the published ones.
    """
    path = config.imagenet_weights
    if not path:
        return 0
    name_in_file = registry.by_name(config.architecture).imagenet_layer
    if not name_in_file:
        names = [name for name, one in registry.ARCHITECTURES.items() if one.imagenet_layer]
        raise UserError(
            f"--imagenet_weights: there is no file of keras.applications for --architecture={config.architecture}; "
            f"there is for {', '.join(names)}."
        )
    stored = _read(path)
    num_loaded = 0
    for layer in _layers_with_weights(network):
        name = name_in_file(layer.name)
        if name is None:
            continue
        before = name_in_file(layer.name.replace("_norm", "_conv")) or name  # the convolution that a norm is of
        missing = [one for one in (name, before) if one not in stored]
        if missing:
            raise UserError(
                f"--imagenet_weights={path}: has no layer {missing[0]}: not of --architecture={config.architecture}."
            )
        values = _arranged(stored[name], stored[before])
        shapes = [weight.shape for weight in layer.get_weights()], [value.shape for value in values]
        if shapes[0] != shapes[1]:
            raise UserError(
                f"--imagenet_weights={path}: layer {name} has weights of the shapes {shapes[1]}, not {shapes[0]}: it "
                "takes --width=1 and features of three channels (--front_end=three_band)."
            )
        layer.set_weights(values)
        num_loaded += 1
    return num_loaded


def _arranged(values: List[np.ndarray], before: List[np.ndarray]) -> List[np.ndarray]:
    """The weights of a convolution without its bias, or of a batch normalization with the bias of the one `before`."""
    if len(values) == 4:  # scale, offset, mean, variance
        bias = before[1] if len(before) == 2 else 0.0
        return [*values[:2], values[2] - bias, values[3]]
    return [np.swapaxes(values[0], 0, 1)] if values[0].ndim == 4 else values


def _layers_with_weights(model: tf.keras.Model) -> Iterator[tf.keras.layers.Layer]:
    """Those of submodels too."""
    for layer in model.layers:
        if isinstance(layer, tf.keras.Model):
            yield from _layers_with_weights(layer)
        elif layer.weights:
            yield layer


def _read(path: str) -> Dict[str, List[np.ndarray]]:
    """Layer name -> its weights, in the order of the file: of a file of weights, or of a whole model."""
    if not os.path.isfile(path):
        raise UserError(f"--imagenet_weights={path}: no such file.")
    try:
        with h5py.File(path, "r") as file:
            root = file["model_weights"] if "model_weights" in file else file
            groups = {name: root[name] for name in _names(root, "layer_names")}
            return {
                name: [np.asarray(group[weight], np.float32) for weight in _names(group, "weight_names")]
                for name, group in groups.items()
            }
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise UserError(
            f"--imagenet_weights={path}: is no file of weights that Keras 2 writes as .h5 ({error})."
        ) from error


def _names(group: Any, attribute: str) -> List[str]:
    """A list of names in the attributes of a group; a long one is in several parts."""
    attributes = group.attrs
    if attribute in attributes:
        values = list(attributes[attribute])
    else:
        parts = [f"{attribute}{index}" for index in range(len(attributes)) if f"{attribute}{index}" in attributes]
        if not parts:
            raise KeyError(f"no {attribute}")
        values = [value for part in parts for value in attributes[part]]
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]
