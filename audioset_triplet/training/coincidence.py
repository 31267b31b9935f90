"""The objective coincidence: a stage of the curriculum of Jansen et al. 2020.

The loss is a weighted sum of terms. A term of weight 0 is left out, with its submodels and its input:

    av       audio-visual coincidence: a window and an image of one recording (`losses.coincidence`)
    aa       audio-audio coincidence: two windows of one recording
    cluster  clustering of windows (`losses.entropy_clustering`)
    class    classification of windows by the weak labels of their clips (`losses.classification`)
"""

import functools
from typing import Any, Dict, List, Optional, Sequence, Tuple

import tensorflow as tf

from audioset_triplet import distribution
from audioset_triplet.config.coincidence import CoincidenceConfig
from audioset_triplet.errors import UserError
from audioset_triplet.frontend import registry
from audioset_triplet.losses import classification
from audioset_triplet.losses.coincidence import Timestamps, coincidence, find_pairs
from audioset_triplet.models import heads, imagenet_weights, networks
from audioset_triplet.models.coincidence import build_submodels
from audioset_triplet.runs import checkpoints, classes, run_config
from audioset_triplet.sampling import window_draws
from audioset_triplet.store import weak_labels
from audioset_triplet.store.weak_labels import WeakLabels
from audioset_triplet.training import clustering_terms, inputs, loop, run_inputs
from audioset_triplet.training.objective import ObjectiveModel, Terms, combined


def train(config: CoincidenceConfig, workdir: str) -> None:
    """Trains a stage in `workdir`, or goes on there (`loop.train`).

    Raises:
        Terminated, UserError: as for `loop.train` and `weak_labels.read`; `start_from` holds no network of these sizes.
    """
    front_end = registry.by_name(config.network.front_end)
    window_draws.require_gap("coincidence_seconds", config.terms.coincidence_seconds, front_end)
    labels = weak_labels.read(config.labels.weak_labels) if config.terms.class_weight else None
    read_batches = functools.partial(inputs.audio_visual_batches, config, labels)
    source = run_inputs.Records(config, read_batches, with_frames=config.terms.av_weight > 0)
    loop.train(config, workdir, functools.partial(build_model, config, labels, workdir), source)


def build_model(config: CoincidenceConfig, labels: Optional[WeakLabels], workdir: str) -> "CoincidenceModel":
    """The submodels of a stage with its terms, not compiled. To be called in the scope of the run's strategy.

    A run that begins in `workdir` takes the weights of the submodels that `start_from` has from there.
    """
    shape = networks.feature_shape(config.network)
    submodels = build_submodels(config, shape, len(labels.class_names) if labels else 0)
    imagenet_weights.load(submodels["network"], config.network)
    if config.terms.start_from and not checkpoints.find_latest(workdir):
        _start_from(config.terms.start_from, submodels)
    num_rows = config.training.batch_size // tf.distribute.get_strategy().num_replicas_in_sync
    known = _classes_of(labels) if labels else None
    if known and distribution.is_chief(tf.distribute.get_strategy()):
        classes.write(workdir, known)
    return CoincidenceModel(submodels, config, known.loss if known else "", num_rows=num_rows)


def _classes_of(labels: WeakLabels) -> classes.Classes:
    numbers = [len(of_clip) for of_clip in labels.labels.values() if of_clip]  # clips without a label do not count
    return classes.Classes(dict(sorted(labels.class_names.items())), classes.loss_for(numbers), len(numbers))


def _start_from(workdir: str, submodels: Dict[str, tf.keras.Model]) -> None:
    """Gives submodels the weights of a stage that has ended, as far as it has them."""
    config = run_config.read_as(workdir, CoincidenceConfig)
    if not checkpoints.has_ended(workdir, config):
        raise UserError(f"{workdir}: this stage has not taken all its steps; run it to its end first.")
    stored = checkpoints.submodels_of(checkpoints.latest(workdir))
    checkpoints.restore_submodels({name: submodels[name] for name in submodels if name in stored}, workdir, config)


# Term -> its metrics besides its loss.
_METRICS: Dict[str, Sequence[str]] = {
    "av": ("positive_probability", "negative_probability"),
    "aa": ("positive_probability", "negative_probability"),
    "cluster": clustering_terms.METRICS,
    "class": ("accuracy",),
}


class CoincidenceModel(ObjectiveModel):
    """Trains `submodels` (`build_submodels`) on `AudioVisualBatch`es.

    Pairs are those of the batch of all devices: each device scores its own windows with the images and the positive
    windows of all devices.

    Metrics: the loss of each term (`av_loss`); the mean probabilities of positive and negative pairs
    (`av_positive_probability`, `av_negative_probability`); those of `training.clustering_terms`, with `cluster_` before
    them; `class_accuracy`.
    """

    def __init__(
        self, submodels: Dict[str, tf.keras.Model], config: CoincidenceConfig, class_loss: str, **options: Any
    ) -> None:
        """
        Args:
            submodels: see above.
            config: the settings.
            class_loss: softmax or sigmoid, of term class.
            options: of `ObjectiveModel`.
        """
        self._config, self._class_loss = config, class_loss
        self._weights = {name: getattr(config.terms, f"{name}_weight") for name in _METRICS}
        active = [name for name, weight in self._weights.items() if weight]
        names = [f"{name}_{metric}" for name in active for metric in ("loss", *_METRICS[name])]
        super().__init__(submodels, names, **options)

    def terms(self, batch: inputs.AudioVisualBatch) -> Terms:
        embeddings = self._embeddings(batch)
        compute = {"av": self._av, "aa": self._aa, "cluster": self._cluster, "class": self._class}
        terms: Dict[str, Tuple[float, Terms]] = {
            name: (weight, compute[name](batch, embeddings)) for name, weight in self._weights.items() if weight
        }
        return combined(terms, tf.shape(batch.windows)[0])

    def derived_metrics(self, means: Dict[str, float]) -> Dict[str, float]:
        if not self._weights["cluster"]:
            return {}
        derived = clustering_terms.derived_metrics(self._of_clusters(means), *self._numbers())
        return {f"cluster_{name}": value for name, value in derived.items()}

    def warning(self, means: Dict[str, float]) -> str:
        return clustering_terms.warning(self._of_clusters(means), *self._numbers()) if self._weights["cluster"] else ""

    def _of_clusters(self, means: Dict[str, float]) -> Dict[str, float]:
        return {name: means[f"cluster_{name}"] for name in clustering_terms.METRICS}

    def _numbers(self) -> Tuple[int, int]:
        """Clusters, and windows of a step that are clustered."""
        num_windows = 2 if self._weights["aa"] else 1
        return self._config.clustering.num_clusters, num_windows * self._config.training.batch_size

    def _embeddings(self, batch: inputs.AudioVisualBatch) -> List[tf.Tensor]:
        """[B, D] of the windows and, with term aa, of their positive windows, as one batch for batch normalization."""
        windows = tf.unstack(batch.windows, axis=1)
        return tf.split(self.submodels["network"](tf.concat(windows, axis=0), training=True), len(windows))

    def _av(self, batch: inputs.AudioVisualBatch, embeddings: List[tf.Tensor]) -> Terms:
        images = self.submodels["image_network"](batch.images, training=True)
        image_times = Timestamps(batch.recordings, batch.image_seconds, batch.has_image)
        return self._coincidence("av_head", embeddings[0], _window_times(batch, 0), images, image_times)

    def _aa(self, batch: inputs.AudioVisualBatch, embeddings: List[tf.Tensor]) -> Terms:
        times = [_window_times(batch, which) for which in (0, 1)]
        return self._coincidence("aa_head", embeddings[0], times[0], embeddings[1], times[1])

    def _coincidence(
        self, head: str, first: tf.Tensor, first_times: Timestamps, second: tf.Tensor, second_times: Timestamps
    ) -> Terms:
        pairs = find_pairs(first_times, second_times.of_all_replicas(), self._config.terms.coincidence_seconds)
        scores = self.submodels[head]((first, distribution.gather(second)))
        terms = coincidence(scores, pairs)
        metrics = {
            "positive_probability": terms.positive_probability,
            "negative_probability": terms.negative_probability,
        }
        return Terms(terms.loss, tf.ones_like(terms.loss), metrics)

    def _cluster(self, batch: inputs.AudioVisualBatch, embeddings: List[tf.Tensor]) -> Terms:
        exists = [tf.ones_like(batch.has_positive_window), batch.has_positive_window][: len(embeddings)]
        weights = tf.cast(tf.concat(exists, axis=0), tf.float32)
        head, gamma = self.submodels[heads.CLUSTER_HEAD], self._config.clustering.gamma
        return clustering_terms.terms(tf.concat(embeddings, axis=0), weights, head, gamma, bool(self.jit_compile))

    def _class(self, batch: inputs.AudioVisualBatch, embeddings: List[tf.Tensor]) -> Terms:
        logits = self.submodels["class_head"](embeddings[0], training=True)
        loss = classification.cross_entropy(logits, batch.targets, self._class_loss)
        is_right = tf.gather(batch.targets, tf.argmax(logits, axis=1), axis=1, batch_dims=1)
        return Terms(loss, tf.reduce_max(batch.targets, axis=1), {"accuracy": is_right})


def _window_times(batch: inputs.AudioVisualBatch, which: int) -> Timestamps:
    """The times of the windows (0) or of their positive windows (1)."""
    exists = batch.has_positive_window if which else tf.ones_like(batch.has_positive_window)
    return Timestamps(batch.recordings, batch.seconds[:, which], exists)
