"""Architectures by name: `--architecture` of every program that trains a network.

A new architecture is a module beside this one, with `features`, and an entry in ARCHITECTURES. What can be set about it
alone is a config of its own in `config.network`.
"""

import dataclasses
from typing import Callable, Dict, Optional, Tuple

import tensorflow as tf

from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.errors import UserError
from audioset_triplet.models import (
    alexnet,
    densenet121,
    esresnet,
    fc,
    inception_v3,
    mobilenet,
    residual_stages,
    resnet50,
    vgg19,
)


@dataclasses.dataclass(frozen=True)
class Published:
    """The size of a classifier of this architecture at width 1, as its authors print it: 1.9B is 1.9 billion."""

    source: str
    feature_shape: Tuple[int, ...]  # of a window
    num_outputs: int
    weights: str  # of convolutions and dense layers, without their biases
    multiplications: str  # of the same, for a window


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A network from windows to features; `models.networks` puts an embedding or classes on it."""

    features: Callable[[tf.Tensor, NetworkConfig], tf.Tensor]  # [B, height, width, channels] -> float32 [B, C]
    name: Optional[Callable[[NetworkConfig], str]] = None  # of the Keras model and in model ids; None: as here
    input_shape: Tuple[Optional[int], ...] = (None, None, None)  # height, width and channels that it takes; None: any
    min_size: Tuple[int, int] = (1, 1)  # height and width that it takes at least
    published: Optional[Published] = None
    # The name of a layer in the file of keras.applications (`models.imagenet_weights`), None for a layer that it lacks.
    imagenet_layer: Optional[Callable[[str], Optional[str]]] = None  # None: there is no such file


def _hershey2017(weights: str, multiplications: str) -> Published:
    return Published("Hershey et al. 2017, section 3", (96, 64), 3087, weights, multiplications)


def _guzhov2020(weights: str, multiplications: str) -> Published:
    return Published("counted from AndreyGuzhov/ESResNet, ESC-50", (394, 341, 3), 50, weights, multiplications)


ARCHITECTURES: Dict[str, Architecture] = {
    "fc": Architecture(fc.features, published=_hershey2017("11.2M", "11.2M")),
    "alexnet": Architecture(alexnet.features, min_size=alexnet.MIN_SIZE, published=_hershey2017("37.3M", "767M")),
    "vgg19": Architecture(vgg19.features, min_size=vgg19.MIN_SIZE, published=_hershey2017("62M", "2.4B")),
    "inception_v3": Architecture(
        inception_v3.features, min_size=inception_v3.MIN_SIZE, published=_hershey2017("28M", "4.7B")
    ),
    "resnet50": Architecture(
        resnet50.features,
        resnet50.name,
        published=_hershey2017("30M", "1.9B"),
        imagenet_layer=residual_stages.imagenet_layer,
    ),
    "mobilenet": Architecture(
        mobilenet.features,
        published=Published("YAMNet, README in tensorflow/models", (96, 64), 521, "3.7M", "69.2M"),
    ),
    "esresnet": Architecture(
        esresnet.features,
        esresnet.name,
        published=_guzhov2020("23.6M", "11.4B"),
        imagenet_layer=residual_stages.imagenet_layer,
    ),
    "esresnet_attention": Architecture(
        esresnet.attention_features,
        esresnet.name,
        published=_guzhov2020("30.6M", "12.4B"),
        imagenet_layer=residual_stages.imagenet_layer,
    ),
    "densenet121": Architecture(
        densenet121.features,
        min_size=densenet121.MIN_SIZE,
        published=Published("torchvision, densenet121", (224, 224, 3), 1000, "8.0M", "2.83B"),
        imagenet_layer=densenet121.imagenet_layer,
    ),
}


def by_name(name: str) -> Architecture:
    """The architecture of this name; a UserError names the known ones."""
    if name not in ARCHITECTURES:
        raise UserError(f"--architecture={name} is not known; the architectures are {', '.join(ARCHITECTURES)}.")
    return ARCHITECTURES[name]
