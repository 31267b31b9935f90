"""An architecture in a few lines: `monkeypatch.setitem(ARCHITECTURES, "toy", TOY)` makes it one of the known ones.

As a program it runs another program that knows it:

    python -m tests.toy_network experiments.train_triplet --architecture=toy ...
"""

import runpy
import sys

from audioset_triplet import command_line  # noqa: F401, before TensorFlow, as in every program

import tensorflow as tf  # isort: skip

from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.models.registry import ARCHITECTURES, Architecture


def features(x: tf.Tensor, config: NetworkConfig) -> tf.Tensor:
    """[B, T, F, channels] -> a dense layer on the mean over time, float32 [B, 16] at width 1."""
    x = tf.keras.layers.Flatten()(tf.keras.layers.Lambda(lambda inputs: tf.reduce_mean(inputs, axis=1))(x))
    return tf.keras.layers.Dense(max(4, round(16 * config.width)), "tanh", name="hidden")(x)


TOY = Architecture(features, name=lambda config: "toy")


if __name__ == "__main__":
    ARCHITECTURES["toy"] = TOY
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
