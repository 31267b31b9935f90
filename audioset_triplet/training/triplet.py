"""The objective triplet: an embedding learns from triplets or pairs of windows (Jansen et al. 2018)."""

import functools
from typing import Any, List, NamedTuple, Optional, Sequence

import numpy as np
import tensorflow as tf

from audioset_triplet import distribution
from audioset_triplet.config.triplet import LossConfig, TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.frontend import registry
from audioset_triplet.losses import instance_discrimination, nt_xent, triplet
from audioset_triplet.models import heads, imagenet_weights, networks
from audioset_triplet.records import clip_labels
from audioset_triplet.records.example_ids import hash_ids
from audioset_triplet.runs import instances
from audioset_triplet.sampling import draws, triplets, window_draws
from audioset_triplet.sampling.triplets import TripletBatch, shares_group
from audioset_triplet.training import inputs, loop, run_inputs
from audioset_triplet.training.objective import ObjectiveModel, Terms, unprepared


def train(config: TripletConfig, workdir: str, clip_ids: Optional[Sequence[str]] = None) -> None:
    """Trains an embedding in `workdir`, or goes on there (`loop.train`).

    Args:
        config: the settings.
        workdir: the run directory.
        clip_ids: the clips of `config.data` to learn from; None: all.

    Raises:
        Terminated, UserError: as for `loop.train`; a run of `--loss=instances` began with other recordings.
    """
    front_end = registry.by_name(config.network.front_end)
    window_draws.require_gap("proximity_seconds", config.sampling.proximity_seconds, front_end)
    triplets.require_bands(config.sampling, front_end)
    source = run_inputs.Records(config, functools.partial(inputs.triplet_batches, config, clip_ids), clip_ids)

    def build() -> ObjectiveModel:
        return build_model(config, _instances(config, workdir, clip_ids) if config.loss.loss == "instances" else ())

    loop.train(config, workdir, build, source)


def _instances(config: TripletConfig, workdir: str, clip_ids: Optional[Sequence[str]]) -> List[str]:
    """The ids of the recordings that are learned from; the chief notes them in instances.json."""
    clips = clip_labels.read(config.data.data, config.data.folds)
    chosen = None if clip_ids is None else set(clip_ids)
    recordings = sorted({clip.recording_id for clip in clips if chosen is None or clip.clip_id in chosen})
    if len(recordings) < 2:
        raise UserError(f"--data={config.data.data}: one recording alone is told from no other; give two at least.")
    if distribution.is_chief(tf.distribute.get_strategy()):
        instances.write(workdir, recordings, instances.RECORDING_IDS)
    return recordings


def build_model(config: TripletConfig, recording_ids: Sequence[str] = ()) -> ObjectiveModel:
    """The embedding network with its loss, not compiled. To be called in the scope of the run's strategy.

    Args:
        config: the settings.
        recording_ids: those that `--loss=instances` tells apart, ascending; not needed for another loss.

    Raises:
        UserError: a batch size that leaves no negatives; what `imagenet_weights.load` raises.
    """
    num_replicas = tf.distribute.get_strategy().num_replicas_in_sync
    batch_size = config.training.batch_size
    if batch_size == num_replicas and config.loss.candidates == "device":
        raise UserError(
            f"--batch_size={batch_size} leaves a device without negatives: {num_replicas} devices share it, and with "
            "--candidates=device each takes negatives from its own part alone."
        )
    network = networks.build_embedding(config.network, networks.feature_shape(config.network))
    imagenet_weights.load(network, config.network)
    num_rows = batch_size // num_replicas
    host = config.sampling.sampling_device == "host"
    prepare = unprepared if host else functools.partial(_sampled, config, num_rows)
    if config.loss.loss == "instances":
        return RecordingModel(network, config.loss, recording_ids, prepare=prepare, num_rows=num_rows)
    model_class = {"triplet": TripletModel, "nt_xent": ContrastiveModel}[config.loss.loss]
    return model_class(network, config.loss, prepare=prepare, num_rows=num_rows)


def _sampled(config: TripletConfig, num_rows: int, batch: inputs.WindowBatch) -> TripletBatch:
    """The triplets of a device's part of the batch, which has `num_rows` rows."""
    batch = tf.nest.map_structure(lambda tensor: tf.ensure_shape(tensor, [num_rows, *tensor.shape[1:]]), batch)
    if num_rows < config.training.batch_size:  # each of several devices draws for itself
        device = tf.distribute.get_replica_context().replica_id_in_sync_group
        batch = batch._replace(seed=draws.fold_in(batch.seed[0], device)[tf.newaxis])
    return inputs.to_triplets(config, batch)


class TripletModel(ObjectiveModel):
    """Trains `network` (windows [B, T, F] -> unit embeddings [B, D]) with the triplet loss on `TripletBatch`es.

    With `semi_hard` negatives the candidates of a triplet are the anchors and positives of all other triplets, on all
    devices or on its own (`LossConfig.candidates`). A candidate shares no group with the triplet's anchor or positive:
    this excludes the anchor's recording and the distractor of a mixture.

    Metrics: `active` (share of triplets whose hinge is above zero), `positive_distance` and `negative_distance` (mean
    squared distances).
    """

    def __init__(self, network: tf.keras.Model, config: LossConfig, **options: Any) -> None:
        super().__init__({"network": network}, ("active", "positive_distance", "negative_distance"), **options)
        self._config = config

    def terms(self, batch: TripletBatch) -> Terms:
        positive_distances, negative_distances, weights = self._distances(batch)
        loss = triplet.hinge(positive_distances, negative_distances, self._config.margin)
        metrics = {
            "active": tf.cast(loss > 0, tf.float32),
            "positive_distance": positive_distances,
            "negative_distance": negative_distances,
        }
        return Terms(loss, weights, metrics)

    def _distances(self, batch: TripletBatch) -> tuple:
        """Squared distances to the positive and to the negative, and the weights: [B] each."""
        is_sampled = self._config.negatives == "sampled"
        windows = [batch.anchor, batch.positive] + ([batch.negative] if is_sampled else [])
        anchor, positive, *rest = embed_together(self.submodels["network"], windows)
        positive_distances = tf.reduce_sum(tf.square(anchor - positive), axis=1)
        if is_sampled:
            return positive_distances, tf.reduce_sum(tf.square(anchor - rest[0]), axis=1), batch.weight
        candidates = candidates_of(batch, anchor, positive, self._config.candidates)
        negative_distances, exists = triplet.semi_hard_distances(
            anchor, positive_distances, candidates.embeddings, candidates.is_negative
        )
        return positive_distances, negative_distances, batch.weight * tf.cast(exists, tf.float32)


class ContrastiveModel(ObjectiveModel):
    """Trains `network` (windows [B, T, F] -> unit embeddings [B, D]) with NT-Xent on the pairs of `TripletBatch`es.

    The negatives of a pair are all candidates, by the rule of `TripletModel`.

    Metrics: `accuracy` (share of anchors to which no negative is closer than the positive) and `positive_distance`
    (mean squared distance).
    """

    def __init__(self, network: tf.keras.Model, config: LossConfig, **options: Any) -> None:
        super().__init__({"network": network}, ("accuracy", "positive_distance"), **options)
        self._config = config

    def terms(self, batch: TripletBatch) -> Terms:
        anchor, positive = embed_together(self.submodels["network"], [batch.anchor, batch.positive])
        candidates = candidates_of(batch, anchor, positive, self._config.candidates)
        is_negative = candidates.is_negative(tf.range(tf.shape(anchor)[0]))
        loss = nt_xent.nt_xent(anchor, positive, candidates.embeddings, is_negative, self._config.temperature)
        positive_distances = tf.reduce_sum(tf.square(anchor - positive), axis=1)
        distances = triplet.squared_distances(anchor, candidates.embeddings)
        is_closer = is_negative & (distances < positive_distances[:, tf.newaxis])
        metrics = {
            "accuracy": 1.0 - tf.cast(tf.reduce_any(is_closer, axis=1), tf.float32),
            "positive_distance": positive_distances,
        }
        has_negative = tf.cast(tf.reduce_any(is_negative, axis=1), tf.float32)
        return Terms(loss, batch.weight * has_negative, metrics)


class RecordingModel(ObjectiveModel):
    """Trains `network` (windows [B, T, F] -> unit embeddings [B, D]) to tell all recordings apart.

    Every recording is a class with a learned vector; both windows of a pair are examples, and a mixture is of its two
    recordings by their shares of its energy.

    Metrics: `accuracy` (share of windows to which no vector is nearer than that of their own recording) and
    `similarity` (mean product with that vector).
    """

    def __init__(
        self, network: tf.keras.Model, config: LossConfig, recording_ids: Sequence[str], **options: Any
    ) -> None:
        head = heads.InstanceHead(len(recording_ids), network.output_shape[-1])
        super().__init__({"network": network, heads.INSTANCE_HEAD: head}, ("accuracy", "similarity"), **options)
        self._config = config
        hashes = hash_ids(tf.constant(list(recording_ids), tf.string)).numpy()
        order = np.argsort(hashes)
        self._hashes, self._rows = hashes[order], order.astype(np.int32)

    def terms(self, batch: TripletBatch) -> Terms:
        embeddings = embed_together(self.submodels["network"], [batch.anchor, batch.positive])
        vectors = self.submodels[heads.INSTANCE_HEAD].vectors()
        windows = zip(
            embeddings,
            (batch.anchor_group_ids, batch.positive_group_ids),
            (batch.anchor_shares, batch.positive_shares),
        )
        both = [
            instance_discrimination.mixture_softmax(
                embedding, vectors, self._rows_of(group_ids), shares, self._config.temperature
            )
            for embedding, group_ids, shares in windows
        ]
        loss, similarity, accuracy = (0.5 * tf.add_n(values) for values in zip(*both))
        return Terms(loss, batch.weight, {"accuracy": accuracy, "similarity": similarity})

    def _rows_of(self, group_ids: tf.Tensor) -> tf.Tensor:
        """Hashes of recordings [B, M] -> the rows of their vectors, int32 [B, M]."""
        places = tf.searchsorted(tf.constant(self._hashes), tf.reshape(group_ids, [-1]))
        return tf.reshape(tf.gather(tf.constant(self._rows), places), tf.shape(group_ids))


def embed_together(network: tf.keras.Model, windows: List[tf.Tensor]) -> List[tf.Tensor]:
    """Embeds several batches [B, T, F] as one, so that batch normalization sees them as one batch."""
    return tf.split(network(tf.concat(windows, axis=0), training=True), len(windows))


class Candidates(NamedTuple):
    """The M embedded windows that the negatives of B triplets are taken from: anchors, then positives."""

    embeddings: tf.Tensor  # float32 [M, D]
    anchor_group_ids: tf.Tensor  # int64 [M / 2, .], group ids
    positive_group_ids: tf.Tensor  # int64 [M / 2, .]
    pair_group_ids: tf.Tensor  # int64 [B, .], of anchor and positive of each triplet

    def is_negative(self, rows: tf.Tensor) -> tf.Tensor:
        """Which candidates may be a negative of which triplets: those that share no group with anchor and positive.

        Args:
            rows: int32 [b], the triplets.

        Returns:
            bool [b, M].
        """
        pairs = tf.gather(self.pair_group_ids, rows)
        intersect = [shares_group(pairs, group_ids) for group_ids in (self.anchor_group_ids, self.positive_group_ids)]
        return ~tf.concat(intersect, axis=1)


def candidates_of(batch: TripletBatch, anchor: tf.Tensor, positive: tf.Tensor, where: str) -> Candidates:
    """The candidates for a device's part of the batch.

    Args:
        batch: that part.
        anchor, positive: [B, D], its embeddings.
        where: `LossConfig.candidates`.
    """
    anchor_group_ids, positive_group_ids = batch.anchor_group_ids, batch.positive_group_ids
    pair_group_ids = tf.concat([anchor_group_ids, positive_group_ids], axis=1)
    if where == "all":
        anchor, positive, anchor_group_ids, positive_group_ids = map(
            distribution.gather, (anchor, positive, anchor_group_ids, positive_group_ids)
        )
    return Candidates(tf.concat([anchor, positive], axis=0), anchor_group_ids, positive_group_ids, pair_group_ids)
