"""The training step that all objectives share: down the gradient of a weighted mean of terms, with metrics."""

from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet import distribution

_NO_EXAMPLE = np.int64(-1)  # ids are hashes, at least 0


class Terms(NamedTuple):
    """Loss, weight and metrics of each of the B examples of a batch."""

    loss: tf.Tensor  # float32 [B]
    weight: tf.Tensor  # float32 [B], 0 for an example that does not count
    metrics: Dict[str, tf.Tensor]  # name -> float32 [B]


def combined(weighted_terms: Mapping[str, Tuple[float, Terms]], num_rows: tf.Tensor) -> Terms:
    """Several terms of one batch as one, whose mean is the weighted sum of their means. To be called in each replica.

    Args:
        weighted_terms: name -> the weight in the sum, and the terms, which may be of several examples per row, [n B]:
            those of row i are i, i + B, and so on. Terms whose examples all have weight 0 count 0.
        num_rows: B.

    Returns:
        Terms of weight 1, [B]. Their metrics are the loss and the metrics of each of the terms: `NAME_loss` and so on.
    """
    all_rows = distribution.sum_over_replicas(tf.cast(num_rows, tf.float32))
    loss, metrics = tf.zeros([num_rows]), {}
    for name, (weight, terms) in weighted_terms.items():
        total = tf.stop_gradient(distribution.sum_over_replicas(tf.reduce_sum(terms.weight)))
        shares = tf.math.divide_no_nan(all_rows * terms.weight, total)
        values = {"loss": terms.loss, **terms.metrics}
        by_row = {
            key: tf.reduce_sum(tf.reshape(shares * value, [-1, num_rows]), axis=0) for key, value in values.items()
        }
        loss += weight * by_row["loss"]
        metrics.update({f"{name}_{key}": value for key, value in by_row.items()})
    return Terms(loss, tf.ones([num_rows]), metrics)


def unprepared(batch: Any) -> Any:
    """The batch as the input pipeline makes it."""
    return batch


class ObjectiveModel(tf.keras.Model):
    """Trains `submodels` (name -> network, as in checkpoints) on `terms`, which a subclass computes from a batch.

    The loss is the weighted mean of the terms of all replicas: however many there are, a step is the same as long as
    the terms are.

    Metrics: `loss`, those of the terms (both weighted), and `gradient_norm` (of the loss, over all weights, before it
    is clipped).

    A step whose gradients are not finite changes no weight; with a scaled loss (`--precision=mixed_float16`) it is left
    out of `gradient_norm` too, as long as a smaller scale may cure it.
    """

    def __init__(
        self,
        submodels: Dict[str, tf.keras.Model],
        metric_names: Sequence[str],
        prepare: Callable[[Any], Any] = unprepared,
        num_rows: int = 0,
        state: Optional[Dict[str, tf.Module]] = None,
    ) -> None:
        """
        Args:
            submodels: the networks.
            metric_names: names of the metrics of `terms`.
            prepare: a device's part of what the input pipeline makes -> what `terms` takes, with `example_id`.
            num_rows: rows of a device's part, so that those of the last batch can be named (`bad_example_ids`). 0: they
                cannot.
            state: name -> further variables that a run goes on with and no gradient changes, as in checkpoints.
        """
        super().__init__()
        self._prepare = prepare
        self.submodels, self.state = submodels, state or {}
        self.distribute_reduction_method = "first"  # a metric's result is over all replicas already
        self._means = {name: tf.keras.metrics.Mean(name) for name in ("loss", *metric_names)}
        self._gradient_norm = tf.keras.metrics.Mean("gradient_norm")
        self._clip_norm = 0.0
        self._bad_example_ids = tf.Variable(
            tf.fill([num_rows], _NO_EXAMPLE),
            trainable=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            name="bad_example_ids",
        )

    def compile(self, optimizer: tf.keras.optimizers.Optimizer, clip_norm: float = 0.0, **options: Any) -> None:
        """As in Keras; gradients are clipped to a norm over all weights of `clip_norm`; 0: they are not."""
        super().compile(optimizer, **options)
        self._clip_norm = clip_norm

    @property
    def metrics(self) -> list:
        return [*self._means.values(), self._gradient_norm]

    def terms(self, batch: Any) -> Terms:
        raise NotImplementedError

    def derived_metrics(self, means: Dict[str, float]) -> Dict[str, float]:
        """Further metrics, computed from the means of a line of metrics."""
        return {}

    def warning(self, means: Dict[str, float]) -> str:
        """A line about a problem with which the run can go on; empty: there is none. Not called in the warm-up."""
        return ""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.submodels["network"](inputs, training=training)

    @tf.autograph.experimental.do_not_convert
    def train_step(self, batch: Any) -> Dict[str, tf.Tensor]:
        batch = self._prepare(batch)
        variables = self.trainable_variables
        scaling = isinstance(self.optimizer, tf.keras.mixed_precision.LossScaleOptimizer)
        scale = self.optimizer.loss_scale if scaling else tf.constant(1.0)
        with tf.GradientTape() as tape:
            terms = self.terms(batch)
            scaled = scale * part_of_mean(terms.loss, terms.weight)
        gradients = distribution.sum_over_replicas(tape.gradient(scaled, variables))
        gradients = [gradient / scale for gradient in gradients] if scaling else gradients
        norm = tf.linalg.global_norm(gradients)
        is_finite = tf.math.is_finite(norm)
        if self._clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self._clip_norm, use_norm=norm)
        if not scaling:  # or else the optimizer leaves the step out itself, and tries a smaller scale
            gradients = [tf.where(is_finite, gradient, 0.0) for gradient in gradients]
        self.optimizer.apply_gradients(zip(gradients, variables), experimental_aggregate_gradients=False)
        for name, values in {"loss": terms.loss, **terms.metrics}.items():
            self._means[name].update_state(values, sample_weight=terms.weight)
        counts = tf.cast(is_finite | (scale <= 1.0), tf.float32)
        self._gradient_norm.update_state(tf.where(counts > 0, norm, 0.0), sample_weight=counts)
        self._note_bad_examples(batch.example_id, tf.math.is_finite(terms.loss))
        return {metric.name: metric.result() for metric in self.metrics}

    def _note_bad_examples(self, example_ids: tf.Tensor, is_finite: tf.Tensor) -> None:
        """Keeps the ids of the rows whose terms are not finite, or of all rows where each is."""
        if self._bad_example_ids.shape[0]:
            is_bad = ~is_finite | tf.reduce_all(is_finite)
            self._bad_example_ids.assign(tf.where(is_bad, example_ids, _NO_EXAMPLE))

    def bad_example_ids(self) -> Set[int]:
        """The examples of the last batch whose terms were not finite; all of them, if each was.

        To be called in the scope of the run's strategy; of several workers each knows its own rows.
        """
        replicas = tf.distribute.get_strategy().experimental_local_results(self._bad_example_ids)
        return set(np.concatenate([replica.numpy() for replica in replicas]).tolist()) - {_NO_EXAMPLE}


def part_of_mean(terms: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """A replica's share of the weighted mean over all replicas; 0 where all weights are 0; [B], [B] -> scalar.

    On one device it is that mean. This is the only place where a loss is divided by a sum over replicas.
    """
    total = tf.stop_gradient(distribution.sum_over_replicas(tf.reduce_sum(weights)))
    return tf.math.divide_no_nan(tf.reduce_sum(weights * terms), total)
