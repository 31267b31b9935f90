"""One network of sounds through the curriculum of Jansen et al. 2020: the Keras model of a stage, and a run of it.

Terms, each with a weight; of weight 0 a term and what it needs are not there:

    av       a window and a picture of one recording coincide (`losses.coincidence`), all pairs of the batch
    aa       two windows of one recording do
    cluster  windows fall into clusters (`losses.entropy_clustering`)
    class    windows have the weak labels of their clips, where they have any (`losses.classification`)
"""

import functools
from typing import Any, Dict, List, Optional, Sequence, Tuple

import tensorflow as tf

from audioset_triplet import distribution
from audioset_triplet.config.coincidence import CoincidenceConfig
from audioset_triplet.errors import UserError
from audioset_triplet.losses import classification
from audioset_triplet.losses.coincidence import Moments, coincidence, pairs_of
from audioset_triplet.models import heads, networks
from audioset_triplet.models.coincidence import build_submodels
from audioset_triplet.runs import checkpoints, classes, run_config
from audioset_triplet.store import weak_labels
from audioset_triplet.store.weak_labels import WeakLabels
from audioset_triplet.training import clustering_terms, inputs, loop, run_inputs
from audioset_triplet.training.objective import ObjectiveModel, Terms, combined


def train(config: CoincidenceConfig, workdir: str) -> None:
    """Trains a stage in `workdir`, or goes on there (see `runs.train`).

    Raises:
        UserError: what `runs.train` and `weak_labels.read` raise; `start_from` holds no network that fits.
    """
    labels = weak_labels.read(config.labels.weak_labels) if config.terms.class_weight else None
    read_batches = functools.partial(inputs.moment_batches, config, labels)
    source = run_inputs.Records(config, read_batches, with_frames=config.terms.av_weight > 0)
    loop.train(config, workdir, functools.partial(build_model, config, labels, workdir), source)


def build_model(config: CoincidenceConfig, labels: Optional[WeakLabels], workdir: str) -> "CoincidenceModel":
    """The networks of a stage with their terms, not compiled; to be called in the scope of the run's strategy.

    A run that begins in `workdir` takes its networks from `start_from`, as far as that has them.
    """
    shape = networks.feature_shape(config.network)
    parts = build_submodels(config, shape, len(labels.class_names) if labels else 0)
    if config.terms.start_from and not checkpoints.find_latest(workdir):
        _take_over(parts, config.terms.start_from)
    num_rows = config.training.batch_size // tf.distribute.get_strategy().num_replicas_in_sync
    found = _classes_of(labels) if labels else None
    if found and distribution.is_chief(tf.distribute.get_strategy()):
        classes.write(workdir, found)
    one_per_clip = found is not None and found.one_per_clip
    return CoincidenceModel(parts, config, one_per_clip, num_rows=num_rows)


def _classes_of(labels: WeakLabels) -> classes.Classes:
    one_per_clip = all(len(own) == 1 for own in labels.labels.values())
    return classes.Classes(dict(sorted(labels.class_names.items())), one_per_clip, len(labels.labels))


def _take_over(parts: Dict[str, tf.keras.Model], workdir: str) -> None:
    before = run_config.read_as(workdir, CoincidenceConfig)
    if not checkpoints.has_ended(workdir, before):
        raise UserError(f"{workdir}: this stage has not come to its end; let it run until it has.")
    there = checkpoints.submodels_of(checkpoints.latest(workdir))
    checkpoints.restore_submodels({name: part for name, part in parts.items() if name in there}, workdir, before)


# Term -> what it monitors besides its loss.
_MONITORED: Dict[str, Sequence[str]] = {
    "av": ("coincident", "apart"),
    "aa": ("coincident", "apart"),
    "cluster": clustering_terms.MONITORED,
    "class": ("accuracy",),
}


class CoincidenceModel(ObjectiveModel):
    """Trains `parts` (`build_submodels`) on `MomentBatch`es.

    Pairs are those of the batch of all devices: each device scores its own windows with everybody's pictures and
    companions.

    Monitors of each term its loss; of coincidences the mean probabilities of the pairs that coincide and of those that
    do not (`av_coincident`, `av_apart`); of the clustering what `training.clustering` does; of the classification
    `class_accuracy`.
    """

    def __init__(
        self, parts: Dict[str, tf.keras.Model], config: CoincidenceConfig, one_per_clip: bool, **options: Any
    ) -> None:
        self._config, self._one_per_clip = config, one_per_clip
        self._weights = {name: getattr(config.terms, f"{name}_weight") for name in _MONITORED}
        active = [name for name, weight in self._weights.items() if weight]
        names = [f"{name}_{one}" for name in active for one in ("loss", *_MONITORED[name])]
        super().__init__(parts, names, **options)

    def terms(self, batch: inputs.MomentBatch) -> Terms:
        embeddings = self._embeddings(batch)
        makers = {"av": self._av, "aa": self._aa, "cluster": self._cluster, "class": self._class}
        parts: Dict[str, Tuple[float, Terms]] = {
            name: (self._weights[name], make(batch, embeddings)) for name, make in makers.items() if self._weights[name]
        }
        return combined(parts, tf.shape(batch.windows)[0])

    def derived(self, means: Dict[str, float]) -> Dict[str, float]:
        if not self._weights["cluster"]:
            return {}
        found = clustering_terms.derived(self._of_clusters(means), *self._numbers())
        return {f"cluster_{name}": value for name, value in found.items()}

    def alarm(self, means: Dict[str, float]) -> str:
        return clustering_terms.alarm(self._of_clusters(means), *self._numbers()) if self._weights["cluster"] else ""

    def _of_clusters(self, means: Dict[str, float]) -> Dict[str, float]:
        return {name: means[f"cluster_{name}"] for name in clustering_terms.MONITORED}

    def _numbers(self) -> Tuple[int, int]:
        """Clusters, and windows of a step that fall into them."""
        num_windows = 2 if self._weights["aa"] else 1
        return self._config.clustering.num_clusters, num_windows * self._config.training.batch_size

    def _embeddings(self, batch: inputs.MomentBatch) -> List[tf.Tensor]:
        """[B, D] of the windows and, if the stage has any, of their companions: one batch for batch normalisation."""
        windows = tf.unstack(batch.windows, axis=1)
        return tf.split(self.parts["network"](tf.concat(windows, axis=0), training=True), len(windows))

    def _av(self, batch: inputs.MomentBatch, embeddings: List[tf.Tensor]) -> Terms:
        pictures = self.parts["image_network"](batch.images, training=True)
        shown = Moments(batch.recordings, batch.image_seconds, batch.has_image)
        return self._coincidence("av_head", embeddings[0], _heard(batch, 0), pictures, shown)

    def _aa(self, batch: inputs.MomentBatch, embeddings: List[tf.Tensor]) -> Terms:
        return self._coincidence("aa_head", embeddings[0], _heard(batch, 0), embeddings[1], _heard(batch, 1))

    def _coincidence(
        self, head: str, first: tf.Tensor, of_first: Moments, second: tf.Tensor, of_second: Moments
    ) -> Terms:
        pairs = pairs_of(of_first, of_second.of_all_replicas(), self._config.terms.coincidence_seconds)
        scores = self.parts[head]((first, distribution.gather(second)))
        found = coincidence(scores, pairs)
        monitored = {"coincident": found.coincident_probability, "apart": found.apart_probability}
        return Terms(found.loss, tf.ones_like(found.loss), monitored)

    def _cluster(self, batch: inputs.MomentBatch, embeddings: List[tf.Tensor]) -> Terms:
        exists = [tf.ones_like(batch.has_companion), batch.has_companion][: len(embeddings)]
        weights = tf.cast(tf.concat(exists, axis=0), tf.float32)
        head, gamma = self.parts[heads.CLUSTER_HEAD], self._config.clustering.gamma
        return clustering_terms.terms(tf.concat(embeddings, axis=0), weights, head, gamma, bool(self.jit_compile))

    def _class(self, batch: inputs.MomentBatch, embeddings: List[tf.Tensor]) -> Terms:
        logits = self.parts["class_head"](embeddings[0], training=True)
        loss = classification.cross_entropy(logits, batch.targets, self._one_per_clip)
        is_right = tf.gather(batch.targets, tf.argmax(logits, axis=1), axis=1, batch_dims=1)
        return Terms(loss, tf.reduce_max(batch.targets, axis=1), {"accuracy": is_right})


def _heard(batch: inputs.MomentBatch, which: int) -> Moments:
    """Where the windows (0) or their companions (1) lie."""
    exists = batch.has_companion if which else tf.ones_like(batch.has_companion)
    return Moments(batch.recordings, batch.seconds[:, which], exists)
