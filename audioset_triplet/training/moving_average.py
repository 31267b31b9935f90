"""A moving average of a network's weights, smoother than the weights themselves (Polyak & Juditsky 1992)."""

from typing import Any, Dict, Optional

import tensorflow as tf

Networks = Dict[str, tf.keras.Model]


def copies(networks: Networks) -> Networks:
    """New networks with the same weights; to be called in the scope of the run's strategy."""
    clones = {name: tf.keras.models.clone_model(network) for name, network in networks.items()}
    for name, network in networks.items():
        clones[name].set_weights(network.get_weights())
    return clones


class MovingAverage(tf.keras.callbacks.Callback):
    """After each step t = 1, 2, ...: average = d average + (1 - d) weight, d = min(decay, (1 + t) / (10 + t)).

    Of all weights, those of batch normalization too. The decay of the first steps is that of
    tf.train.ExponentialMovingAverage: the initial weights soon lose their influence.
    """

    def __init__(self, networks: Networks, averages: Networks, decay: float, first_step: int) -> None:
        """
        Args:
            networks: those that are trained.
            averages: copies of them, which hold the averages; {}: nothing is averaged.
            decay: d, in [0, 1).
            first_step: steps that were done before.
        """
        super().__init__()
        self._pairs = [
            (average, weight)
            for name, copy in averages.items()
            for average, weight in zip(copy.variables, networks[name].variables)
        ]
        self._decay, self._step = decay, first_step
        self._follow = tf.function(self._follow_once, autograph=False)

    def on_train_batch_end(self, batch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        if not self._pairs:
            return
        self._step += 1
        self._follow(tf.constant(min(self._decay, (1 + self._step) / (10 + self._step)), tf.float32))

    def _follow_once(self, decay: tf.Tensor) -> None:
        for average, weight in self._pairs:
            average.assign(decay * average + (1.0 - decay) * weight)
