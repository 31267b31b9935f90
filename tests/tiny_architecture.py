"""An architecture of one pooling layer, for tests that train many networks but are not about them.

As a program it runs another one that knows this architecture:

    python -m tests.tiny_architecture experiments.train_triplet --architecture=tiny ...
"""

import runpy
import sys

from audioset_triplet import command_line  # noqa: F401, before TensorFlow, as in every program

import tensorflow as tf  # isort: skip

from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.models import registry

NAME = "tiny"


def features(windows: tf.Tensor, config: NetworkConfig) -> tf.Tensor:
    """[B, height, width, channels] -> [B, C]: means over 8 by 8 squares."""
    del config
    return tf.keras.layers.Flatten()(tf.keras.layers.AveragePooling2D(8)(windows))


def register() -> None:
    """Adds `tiny` to the architectures."""
    registry.ARCHITECTURES[NAME] = registry.Architecture(features, name=lambda config: NAME)


if __name__ == "__main__":
    register()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
