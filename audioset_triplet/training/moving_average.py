"""Averages of a network's weights over the steps of a run, smoother than the weights themselves.

A moving average forgets (Polyak & Juditsky 1992); an average from a step on weighs every later step alike (Izmailov et
al. 2018, "Averaging weights leads to wider optima"; PSLA, Gong et al. 2021, averages the checkpoints of the second half
of its epochs). Both are average = d average + (1 - d) weight after each step t = 1, 2, ..., with another d.

All weights are averaged, mean and variance of batch normalization too, which Izmailov et al. compute anew.
"""

import math
from typing import Any, Callable, Dict, Optional

import tensorflow as tf

from audioset_triplet.config.training import TrainingConfig

Networks = Dict[str, tf.keras.Model]


def copies(networks: Networks) -> Networks:
    """New networks with the same weights; to be called in the scope of the run's strategy."""
    clones = {name: tf.keras.models.clone_model(network) for name, network in networks.items()}
    for name, network in networks.items():
        clones[name].set_weights(network.get_weights())
    return clones


def decay(training: TrainingConfig) -> Callable[[int], float]:
    """Step t, from 1 -> d.

    `average_from` a of n steps: d = (m - 1) / m for the m-th step after step floor(a n), and 0 up to it: until then the
    average is the weights. `moving_average`: min(moving_average, (1 + t) / (10 + t)), as in
    tf.train.ExponentialMovingAverage, so that the initial weights soon lose their influence.
    """
    if not training.average_from:
        return lambda step: min(training.moving_average, (1 + step) / (10 + step))
    start = math.floor(training.average_from * training.steps)
    return lambda step: 1 - 1 / max(1, step - start)


class MovingAverage(tf.keras.callbacks.Callback):
    """Updates the averages after each step."""

    def __init__(self, networks: Networks, averages: Networks, decay: Callable[[int], float], first_step: int) -> None:
        """
        Args:
            networks: those that are trained.
            averages: copies of them, which hold the averages; {}: nothing is averaged.
            decay: step -> d, in [0, 1).
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
        self._follow(tf.constant(self._decay(self._step), tf.float32))

    def _follow_once(self, decay: tf.Tensor) -> None:
        for average, weight in self._pairs:
            average.assign(decay * average + (1.0 - decay) * weight)
