"""Training an embedding network on triplets: the Keras model, and a run of it."""

import functools
from typing import Dict

import tensorflow as tf

from audioset_triplet import distribution
from audioset_triplet.config import LossConfig, TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.losses import triplet
from audioset_triplet.models.resnet import build_resnet50
from audioset_triplet.sampling.triplets import TripletBatch, contents_intersect
from audioset_triplet.training import inputs, runs


def train(config: TripletConfig, workdir: str) -> None:
    """Trains an embedding in `workdir`, or goes on there (see `runs.train`)."""
    runs.train(
        config, workdir, functools.partial(_build_model, config), functools.partial(inputs.triplet_batches, config)
    )


def _build_model(config: TripletConfig) -> "TripletModel":
    num_replicas = tf.distribute.get_strategy().num_replicas_in_sync
    batch_size = config.training.batch_size
    if batch_size == num_replicas:
        raise UserError(f"--batch_size={batch_size} leaves no negative to a device: {num_replicas} share it.")
    return TripletModel(build_resnet50(config.model), config.loss)


class TripletModel(tf.keras.Model):
    """Trains `network` (windows [B, T, F] -> unit embeddings [B, D]) on `TripletBatch`es.

    With `semi_hard` negatives the candidates of a triplet are the anchors and the positives of all others on the same
    replica: everything that the batch has embedded anyway. Nothing that is heard in the triplet's own anchor or
    positive is a candidate, which rules out the anchor's recording and the distractor of a mixture.

    Metrics: `loss`, `active` (share of triplets whose hinge is above zero), `positive_distance` and
    `negative_distance` (mean squared distances), `gradient_norm` (of a replica's loss, over all weights).
    """

    def __init__(self, network: tf.keras.Model, config: LossConfig) -> None:
        super().__init__(name="triplet_model")
        self.network = network
        self.parts = {"network": network}
        self.distribute_reduction_method = "first"  # a metric's result is over all replicas already
        self._config = config
        self._means = [
            tf.keras.metrics.Mean(name) for name in ("loss", "active", "positive_distance", "negative_distance")
        ]
        self._gradient_norm = tf.keras.metrics.Mean("gradient_norm")

    @property
    def metrics(self) -> list:
        return [*self._means, self._gradient_norm]

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.network(inputs, training=training)

    def train_step(self, batch: TripletBatch) -> Dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            positive_distances, negative_distances, weights = self._distances(batch)
            terms = triplet.hinge(positive_distances, negative_distances, self._config.margin)
            loss = triplet.weighted_mean(terms, weights)
            scaled = distribution.scale_for_sum(loss)
        variables = self.network.trainable_variables
        gradients = tape.gradient(scaled, variables)
        self.optimizer.apply_gradients(zip(gradients, variables))
        active = tf.cast(terms > 0, tf.float32)
        for mean, values in zip(self._means, (terms, active, positive_distances, negative_distances)):
            mean.update_state(values, sample_weight=weights)
        self._gradient_norm.update_state(distribution.unscale(tf.linalg.global_norm(gradients)))
        return {metric.name: metric.result() for metric in self.metrics}

    def _distances(self, batch: TripletBatch) -> tuple:
        """Squared distances to the positive and to the negative, and the weights: [B] each."""
        own_negative = self._config.negatives == "own"
        parts = [batch.anchor, batch.positive] + ([batch.negative] if own_negative else [])
        anchor, positive, *rest = tf.split(self.network(tf.concat(parts, axis=0), training=True), len(parts))
        positive_distances = tf.reduce_sum(tf.square(anchor - positive), axis=1)
        if own_negative:
            return positive_distances, tf.reduce_sum(tf.square(anchor - rest[0]), axis=1), batch.weight
        negative_distances, exists = triplet.semi_hard_distances(
            positive_distances,
            triplet.squared_distances(anchor, tf.concat([anchor, positive], axis=0)),
            negative_candidates(batch.anchor_contents, batch.positive_contents),
        )
        return positive_distances, negative_distances, batch.weight * tf.cast(exists, tf.float32)


def negative_candidates(anchor_contents: tf.Tensor, positive_contents: tf.Tensor) -> tf.Tensor:
    """Which of the 2B embedded windows (anchors, then positives) may serve triplet i as a negative: bool [B, 2B].

    Those in which nothing is heard that is heard in the triplet's anchor or positive.
    """
    pair = tf.concat([anchor_contents, positive_contents], axis=1)  # [B, M + M']
    return ~tf.concat([contents_intersect(pair, anchor_contents), contents_intersect(pair, positive_contents)], axis=1)
