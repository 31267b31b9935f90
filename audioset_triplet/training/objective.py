"""What every objective shares: one step down the gradient of a weighted mean of terms, and its metrics."""

from typing import Any, Callable, Dict, NamedTuple, Sequence

import tensorflow as tf

from audioset_triplet import distribution


class Terms(NamedTuple):
    """What an objective makes of a batch of B examples."""

    loss: tf.Tensor  # float32 [B]
    weight: tf.Tensor  # float32 [B], 0 for an example that does not count
    monitored: Dict[str, tf.Tensor]  # name -> float32 [B]


def unprepared(batch: Any) -> Any:
    """What the input pipeline gives is ready to be learned from."""
    return batch


class ObjectiveModel(tf.keras.Model):
    """Trains `parts` (name -> network, as checkpoints keep them) on `terms`, which a subclass computes from a batch.

    The loss is the weighted mean of the terms of all replicas: however many there are, a step is the same as long as
    the terms are.

    Metrics: `loss`, what the subclass monitors (both weighted), and `gradient_norm` (of the loss, over all weights,
    before it is clipped).
    """

    def __init__(
        self,
        parts: Dict[str, tf.keras.Model],
        monitored: Sequence[str],
        prepare: Callable[[Any], Any] = unprepared,
    ) -> None:
        """
        Args:
            parts: the networks.
            monitored: names of what `terms` monitors.
            prepare: what the input pipeline gives, a device's part of it -> what `terms` takes.
        """
        super().__init__()
        self._prepare = prepare
        self.parts = parts
        self.distribute_reduction_method = "first"  # a metric's result is over all replicas already
        self._means = {name: tf.keras.metrics.Mean(name) for name in ("loss", *monitored)}
        self._gradient_norm = tf.keras.metrics.Mean("gradient_norm")
        self._clip_norm = 0.0

    def compile(self, optimizer: tf.keras.optimizers.Optimizer, clip_norm: float = 0.0, **options: Any) -> None:
        """As of Keras; gradients whose norm over all weights is above `clip_norm` are shortened to it, 0: none are."""
        super().compile(optimizer, **options)
        self._clip_norm = clip_norm

    @property
    def metrics(self) -> list:
        return [*self._means.values(), self._gradient_norm]

    def terms(self, batch: Any) -> Terms:
        raise NotImplementedError

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.parts["network"](inputs, training=training)

    def train_step(self, batch: Any) -> Dict[str, tf.Tensor]:
        batch = self._prepare(batch)
        with tf.GradientTape() as tape:
            terms = self.terms(batch)
            part = part_of_mean(terms.loss, terms.weight)
        variables = self.trainable_variables
        gradients = distribution.sum_over_replicas(tape.gradient(part, variables))
        norm = tf.linalg.global_norm(gradients)
        if self._clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self._clip_norm, use_norm=norm)
        self.optimizer.apply_gradients(zip(gradients, variables), experimental_aggregate_gradients=False)
        for name, values in {"loss": terms.loss, **terms.monitored}.items():
            self._means[name].update_state(values, sample_weight=terms.weight)
        self._gradient_norm.update_state(norm)
        return {metric.name: metric.result() for metric in self.metrics}


def part_of_mean(terms: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """What a replica's terms add to the weighted mean over all replicas; 0 where all weights are 0; [B], [B] -> scalar.

    On one device it is that mean. The one place where a loss is divided by what all replicas have together.
    """
    total = tf.stop_gradient(distribution.sum_over_replicas(tf.reduce_sum(weights)))
    return tf.math.divide_no_nan(tf.reduce_sum(weights * terms), total)
