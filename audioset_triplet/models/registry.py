"""Architectures by name: `--architecture` of every program that trains a network.

A new architecture is a module beside this one, with `features` and `name`, and an entry in ARCHITECTURES. What can be
set about it alone is a config of its own in `config.network`.
"""

import dataclasses
from typing import Callable, Dict, Optional, Tuple

import tensorflow as tf

from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.errors import UserError
from audioset_triplet.models import resnet50


@dataclasses.dataclass(frozen=True)
class Published:
    """The size of a classifier of this architecture, as its authors count it."""

    source: str
    feature_shape: Tuple[int, ...]  # of a window
    num_outputs: int
    weights: float  # that are trained
    multiplications: float  # of convolutions and dense layers, for a window


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A network from windows to features; `models.networks` puts an embedding or classes on it."""

    features: Callable[[tf.Tensor, NetworkConfig], tf.Tensor]  # [B, height, width, channels] -> float32 [B, C]
    name: Callable[[NetworkConfig], str]  # of the Keras model, which a model id begins with
    input_shape: Tuple[Optional[int], ...] = (None, None, None)  # height, width and channels that it takes; None: any
    published: Optional[Published] = None


ARCHITECTURES: Dict[str, Architecture] = {
    "resnet50": Architecture(
        resnet50.features,
        resnet50.name,
        published=Published("Hershey et al. 2017, section 3.1", (96, 64), 3087, weights=30e6, multiplications=1.9e9),
    ),
}


def by_name(name: str) -> Architecture:
    """The architecture of this name; a UserError names the known ones."""
    if name not in ARCHITECTURES:
        raise UserError(f"--architecture={name} is not known; the architectures are {', '.join(ARCHITECTURES)}.")
    return ARCHITECTURES[name]
