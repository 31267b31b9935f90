"""A network in two parts: all that has weights, and what is computed from it, such as unit length and probabilities.

What is quantized is the first part alone. The second one loses more to eight bits than all layers before: a value of a
unit vector of 128 numbers is about 0.09, eleven of its steps.
"""

from typing import Any, Dict, NamedTuple, Optional

import tensorflow as tf

from audioset_triplet.export import parity


class NetworkParts(NamedTuple):
    """The parts of a network; an output is that of the second part where it has one of its name, else of the first.

    Attributes:
        body: features -> a dictionary of raw outputs; None: the network has no weights.
        finishes: output -> a model of the raw output of its name, or of the features where there is no body.
    """

    body: Optional[tf.keras.Model]
    finishes: Dict[str, tf.keras.Model]


def split(network: tf.keras.Model) -> NetworkParts:
    """Divides a network behind the last layers with weights that lead to its outputs."""
    raw, finishes = {}, {}
    for name, output in parity.named(network.output).items():
        raw[name] = _last_with_weights(network, output)
        if raw[name] is not output:
            finishes[name] = tf.keras.Model(raw[name], output)
    body = tf.keras.Model(network.input, raw, name=network.name) if network.weights else None
    return NetworkParts(body, finishes)


def _last_with_weights(network: tf.keras.Model, tensor: Any) -> Any:
    """Goes back from an output through layers of one input that have no weights."""
    while True:
        layer = next((layer for layer in network.layers if _output_of(layer) is tensor), None)
        if layer is None or layer.weights or isinstance(layer, tf.keras.layers.InputLayer):
            return tensor
        if isinstance(layer.input, (list, tuple, dict)):
            return tensor
        tensor = layer.input


def _output_of(layer: tf.keras.layers.Layer) -> Any:
    """The output of a layer; None of one that is called several times."""
    try:
        return layer.output
    except AttributeError:
        return None
