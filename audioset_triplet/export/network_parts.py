"""A network in two parts: all that is learned, and what is computed from it, such as unit length and probabilities.

What is quantized is the first part alone. The second one loses more to eight bits than all layers before: a value of a
unit vector of 128 numbers is about 0.09, eleven of its steps; and whitening enlarges what varies least.
"""

from typing import Any, Dict, List, NamedTuple, Optional

import tensorflow as tf

from audioset_triplet.export import parity
from audioset_triplet.models import networks

FEATURES = "features"


class Finish(NamedTuple):
    """How an output is made of raw ones, [B, C] each; of a network without weights, of the features."""

    raw: List[str]  # their names
    model: tf.keras.Model  # of them, in this order


class NetworkParts(NamedTuple):
    """The parts of a network; an output is that of a finish where it has one of its name, else of the first part.

    Attributes:
        body: features -> a dictionary of raw outputs; None: the network has no weights.
        finishes: output -> how it is made.
    """

    body: Optional[tf.keras.Model]
    finishes: Dict[str, Finish]


def split(network: tf.keras.Model) -> NetworkParts:
    """Divides a network in front of the layers on vectors that its outputs end with, which have learned nothing."""
    if not network.weights:
        outputs = parity.named(network.output)
        finishes = {name: Finish([FEATURES], tf.keras.Model(network.input, output)) for name, output in outputs.items()}
        return NetworkParts(None, finishes)
    raw: Dict[str, Any] = {}
    finishes = {}
    for name, output in parity.named(network.output).items():
        tensors = _raw(network, output)
        if len(tensors) == 1 and tensors[0] is output:
            raw[name] = output
            continue
        names = [name] if len(tensors) == 1 else [f"{name}_{index}" for index in range(len(tensors))]
        raw.update(zip(names, tensors))
        finishes[name] = Finish(names, tf.keras.Model(tensors, output))
    return NetworkParts(tf.keras.Model(network.input, raw, name=network.name), finishes)


def _raw(network: tf.keras.Model, tensor: Any) -> List[Any]:
    """Goes back from an output through layers on vectors that have no weights, or those of a whitening alone."""
    layer = next((layer for layer in network.layers if _output_of(layer) is tensor), None)
    if layer is None or isinstance(layer, tf.keras.layers.InputLayer):
        return [tensor]
    inputs = tf.nest.flatten(layer.input)
    is_learned = bool(layer.weights) and layer.name != networks.PRODUCT
    if is_learned or any(len(one.shape) != 2 for one in inputs):
        return [tensor]
    found: List[Any] = []
    for one in inputs:
        found += [raw for raw in _raw(network, one) if not any(raw is known for known in found)]
    return found


def _output_of(layer: tf.keras.layers.Layer) -> Any:
    """The output of a layer; None of one that is called several times."""
    try:
        return layer.output
    except AttributeError:
        return None
