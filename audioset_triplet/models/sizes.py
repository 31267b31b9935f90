"""How large a network is, as papers count: layers, weights and multiplications of its convolutions and dense layers.

Their kernels alone count. Biases and batch normalization do not: with them AlexNet would have 37.4 million weights, and
Hershey et al. 2017 print 37.3.
"""

import dataclasses
from typing import Iterator, Tuple

import numpy as np
import tensorflow as tf

_COUNTED = (tf.keras.layers.Conv2D, tf.keras.layers.DepthwiseConv2D, tf.keras.layers.Dense)
_UNITS = {"M": 1e6, "B": 1e9}


@dataclasses.dataclass(frozen=True)
class Size:
    """The size of a network."""

    layers: int
    weights: int
    multiplications: int  # for one window


def of(network: tf.keras.Model) -> Size:
    """The size of a network, its submodels included; what they compute counts as often as they are called."""
    counted = list(_counted(network))
    weights = [_kernel_elements(layer) for layer, _ in counted]
    # That a kernel is multiplied with.
    positions = [calls * int(np.prod(layer.output_shape[1:-1])) for layer, calls in counted]
    return Size(len(counted), sum(weights), int(np.dot(weights, positions)))


def _counted(network: tf.keras.Model) -> Iterator[Tuple[tf.keras.layers.Layer, int]]:
    """Each layer that counts, and how often it is called."""
    for layer in network.layers:
        if isinstance(layer, tf.keras.Model):
            times = len(layer.inbound_nodes)
            yield from ((inner, times * calls) for inner, calls in _counted(layer))
        elif isinstance(layer, _COUNTED):
            yield layer, 1


def _kernel_elements(layer: tf.keras.layers.Layer) -> int:
    is_depthwise = isinstance(layer, tf.keras.layers.DepthwiseConv2D)
    return int(np.prod((layer.depthwise_kernel if is_depthwise else layer.kernel).shape))


def number_of(printed: str) -> float:
    """1.9B -> 1.9e9."""
    return float(printed[:-1]) * _UNITS[printed[-1]]


def printed_like(count: float, printed: str) -> str:
    """A count in the unit and with the decimals of another one: 1860000000, 1.9B -> 1.9B."""
    decimals = len(printed[:-1].partition(".")[2])
    return f"{count / _UNITS[printed[-1]]:.{decimals}f}{printed[-1]}"
