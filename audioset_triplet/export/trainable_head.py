"""A head on embeddings that learns on the device, as a TFLite file of builtin operators alone.

A linear layer of C classes, each of its own (sigmoids), trained by momentum. The gradient is written out: TensorFlow's
own would need operators that a plain runtime has not. Signatures, each float32:

    train         embedding [N, D] of unit length, target [N, C] from 0 to 1, learning_rate []  ->  loss [], before it
    infer         embedding [N, D]  ->  scores [N, C], from 0 to 1
    get_weights   ->  kernel [D, C], bias [C]
    set_weights   kernel [D, C], bias [C]  ->  the same

A new head knows nothing: its scores are 1/2. `set_weights` also forgets the momentum. Embeddings have unit length, so
that one learning rate (1) fits all sizes: the curvature of the loss is 1/4 of their squared length at most.
"""

import tempfile
from typing import Any, Callable, Dict

import tensorflow as tf

from audioset_triplet.export import tflite_parts

_MOMENTUM = 0.9


class TrainableHead(tf.Module):
    """The head; its functions are the signatures."""

    def __init__(self, embedding_size: int, num_classes: int) -> None:
        super().__init__()
        shapes = {"kernel": [embedding_size, num_classes], "bias": [num_classes]}
        self.weights = {name: tf.Variable(tf.zeros(shape), name=name) for name, shape in shapes.items()}
        self.momenta = {name: tf.Variable(tf.zeros(shape), name=f"{name}_momentum") for name, shape in shapes.items()}
        embedding = tf.TensorSpec([None, embedding_size], tf.float32, "embedding")
        target = tf.TensorSpec([None, num_classes], tf.float32, "target")
        rate = tf.TensorSpec([], tf.float32, "learning_rate")
        weights = [tf.TensorSpec(shape, tf.float32, name) for name, shape in shapes.items()]
        self.functions = {
            "train": self._signature(self._train, embedding, target, rate),
            "infer": self._signature(self._infer, embedding),
            "get_weights": self._signature(self._get_weights),
            "set_weights": self._signature(self._set_weights, *weights),
        }

    @staticmethod
    def _signature(function: Callable[..., Dict[str, tf.Tensor]], *specs: tf.TensorSpec) -> Any:
        return tf.function(function, input_signature=specs, autograph=False)

    def _logits(self, embedding: tf.Tensor) -> tf.Tensor:
        return tf.matmul(embedding, self.weights["kernel"]) + self.weights["bias"]

    def _train(self, embedding: tf.Tensor, target: tf.Tensor, learning_rate: tf.Tensor) -> Dict[str, tf.Tensor]:
        logits = self._logits(embedding)
        # Cross-entropy from logits: max(l, 0) - l t + log(1 + exp(-|l|)), whose gradient is sigmoid(l) - t.
        losses = tf.maximum(logits, 0.0) - logits * target + tf.math.log(1.0 + tf.exp(-tf.abs(logits)))
        loss = tf.reduce_mean(losses)
        flow = (tf.sigmoid(logits) - target) / tf.cast(tf.shape(embedding)[0], tf.float32)
        gradients = {
            "kernel": tf.matmul(embedding, flow, transpose_a=True),
            "bias": tf.reduce_sum(flow, axis=0),
        }
        for name, gradient in gradients.items():
            momentum = _MOMENTUM * self.momenta[name] + gradient
            self.momenta[name].assign(momentum)
            self.weights[name].assign(self.weights[name] - learning_rate * momentum)
        return {"loss": loss}

    def _infer(self, embedding: tf.Tensor) -> Dict[str, tf.Tensor]:
        return {"scores": tf.sigmoid(self._logits(embedding))}

    def _get_weights(self) -> Dict[str, tf.Tensor]:
        return {name: tf.identity(variable) for name, variable in self.weights.items()}

    def _set_weights(self, kernel: tf.Tensor, bias: tf.Tensor) -> Dict[str, tf.Tensor]:
        for name, value in (("kernel", kernel), ("bias", bias)):
            self.weights[name].assign(value)
            self.momenta[name].assign(tf.zeros_like(value))
        return self._get_weights()


def convert(embedding_size: int, num_classes: int) -> bytes:
    """The TFLite file of a new head."""
    head = TrainableHead(embedding_size, num_classes)
    with tempfile.TemporaryDirectory() as folder:
        signatures = {name: function.get_concrete_function() for name, function in head.functions.items()}
        tf.saved_model.save(head, folder, signatures=signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(signatures))
        converter.experimental_enable_resource_variables = True
        return tflite_parts.run(converter)
