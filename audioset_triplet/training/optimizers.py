"""How weights follow gradients: the optimizer of a run, and its learning rate from step to step."""

import math
from typing import Any, Dict

import tensorflow as tf

from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.training.lamb import Lamb

# Weights that do not decay: biases, and scales and shifts of batch normalization (He et al. 2019, "Bag of Tricks",
# section 3.1).
_NOT_DECAYED = ("bias", "gamma", "beta")


class LearningRate(tf.keras.optimizers.schedules.LearningRateSchedule):
    """The rate in a step (counted from 0) of a run: a linear warm-up to the peak, then by `schedule`.

    constant: the peak. cosine: along half a cosine to 0 at the end of the run (Loshchilov & Hutter 2017, equation 5,
    without restarts). step: a tenth of what it was from each share of the steps after the warm-up in `drops` on; by
    default from a half and from three quarters (He et al. 2015, section 4.2). exponential: by the same factor in every
    step, to `final_share` of the peak at the end of the run.
    """

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__()
        self._config = config

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        config = self._config
        step = tf.cast(step, tf.float32)
        warm_up = tf.minimum(1.0, (step + 1.0) / (config.warmup_steps + 1.0))
        progress = (step - config.warmup_steps) / (config.steps - config.warmup_steps)
        progress = tf.clip_by_value(progress, 0.0, 1.0)
        if config.schedule == "cosine":
            shape = 0.5 * (1.0 + tf.cos(math.pi * progress))
        elif config.schedule == "step":
            num_drops = tf.reduce_sum(tf.cast(progress >= tf.constant(config.drops, tf.float32), tf.float32))
            shape = 0.1**num_drops
        elif config.schedule == "exponential":
            shape = config.final_share**progress
        else:
            shape = tf.ones_like(progress)
        return config.learning_rate * warm_up * shape

    def get_config(self) -> Dict[str, Any]:
        return {"config": self._config}


class FusedAdam(tf.keras.optimizers.Adam):
    """Adam in one pass over each weight and in place, without temporaries as large as the weights.

    Keras writes the same update as a dozen operations: for a head of a million clusters each allocates 488 MiB.
    """

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable) -> None:
        index = self._index_dict[self._var_key(variable)]
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].handle,
            v=self._velocities[index].handle,
            beta1_power=tf.cast(self.beta_1, variable.dtype) ** step,
            beta2_power=tf.cast(self.beta_2, variable.dtype) ** step,
            lr=tf.cast(self.learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def build(config: TrainingConfig) -> tf.keras.optimizers.Optimizer:
    """The optimizer of a run, around one that scales the loss where the precision needs it.

    Weight decay is decoupled from the gradient (Loshchilov & Hutter 2019, algorithm 2). The scale of the loss is halved
    in a step that overflows, which changes no weight, and doubled after 2,000 steps without one (Micikevicius et al.
    2018, section 3.2).
    """
    optimizer = _build(config)
    if config.precision == "mixed_float16":
        return tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
    return optimizer


def _build(config: TrainingConfig) -> tf.keras.optimizers.Optimizer:
    rate = LearningRate(config)
    if config.optimizer == "lamb":
        return Lamb(rate, config.weight_decay, _NOT_DECAYED)
    decay = config.weight_decay or None
    if config.optimizer == "sgd":
        optimizer = tf.keras.optimizers.SGD(rate, config.momentum, weight_decay=decay)
    else:
        optimizer = FusedAdam(rate, weight_decay=decay)
    optimizer.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    return optimizer


def learning_rate(optimizer: Any) -> float:
    """The rate of the next step."""
    rate = optimizer.learning_rate
    return float(tf.convert_to_tensor(rate(optimizer.iterations) if callable(rate) else rate))
