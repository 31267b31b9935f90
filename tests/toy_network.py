"""An architecture in a few lines: `monkeypatch.setitem(ARCHITECTURES, "toy", TOY)` makes it one of the known ones."""

import tensorflow as tf

from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.models.registry import Architecture


def features(x: tf.Tensor, config: NetworkConfig) -> tf.Tensor:
    """[B, T, F, channels] -> a dense layer on the mean over time, float32 [B, 16] at width 1."""
    x = tf.keras.layers.Flatten()(tf.keras.layers.Lambda(lambda inputs: tf.reduce_mean(inputs, axis=1))(x))
    return tf.keras.layers.Dense(round(16 * config.width), "relu", name="hidden")(x)


TOY = Architecture(features, name=lambda config: "toy")
