"""The objective classifier: a network learns the labels of clips from scratch.

The row "log-mel, ResNet-50" of Jansen et al. 2018. Every window has the labels of its clip (Hershey et al. 2017,
section 2), of the records or of a file of weak labels, or those that it keeps in frame labels.
`evaluation.clip_scoring` scores clips.
"""

import functools
import math
import sys
from typing import Any, Callable, List, Optional, Sequence, Union

import tensorflow as tf

from audioset_triplet import distribution
from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.classifier import ClassifierConfig, ClassifierLossConfig
from audioset_triplet.errors import UserError
from audioset_triplet.frontend import registry
from audioset_triplet.losses import classification
from audioset_triplet.models import imagenet_weights, networks
from audioset_triplet.plurals import counted
from audioset_triplet.records import clip_labels
from audioset_triplet.runs import classes
from audioset_triplet.runs.classes import Classes
from audioset_triplet.sampling import window_augmentation
from audioset_triplet.training import (
    class_priors,
    dropout,
    epoch_log,
    frame_labels,
    inputs,
    loop,
    run_inputs,
    starts,
    weak_labels,
)
from audioset_triplet.training.objective import ObjectiveModel, Terms


def training_clips(config: ClassifierConfig) -> List[ClipInfo]:
    """The clips that a run learns from: all that weak labels have, or the labelled ones; prints how many are left out.

    Raises:
        UserError: what `clip_labels.read`, `clip_labels.select` and `weak_labels.relabelled` raise, or no clip has a
            label.
    """
    clips = clip_labels.read(config.data.data, config.data.folds)
    if config.labels.clips:
        clips = clip_labels.select(clips, config.labels.clips)
    if config.labels.weak_labels:
        return weak_labels.relabelled(clips, config.labels.weak_labels)
    labelled = [clip for clip in clips if clip.labels]
    if not labelled:
        raise UserError(f"--data={config.data.data}: the clips have no labels; a classifier learns from labels alone.")
    if len(labelled) < len(clips):
        print(f"{len(clips) - len(labelled)} of {len(clips)} clips have no label: they are left out.", file=sys.stderr)
    return labelled


def usable_clips(trained: List[ClipInfo], evaluated: List[ClipInfo]) -> List[ClipInfo]:
    """The clips to learn from, without recordings that are evaluated; prints what does not match on stderr.

    Args:
        trained, evaluated: clips of both sides.
    """
    usable = clip_labels.exclude_recordings(trained, evaluated)
    if len(usable) < len(trained):
        count = len(trained) - len(usable)
        print(
            f"{counted(count, 'clip is', 'clips are')} left out: their recordings are evaluated on.",
            file=sys.stderr,
        )
    unseen = clip_labels.class_names(evaluated).keys() - clip_labels.class_names(usable).keys()
    if unseen:
        count = sum(not unseen.isdisjoint(clip.labels) for clip in evaluated)
        print(
            f"{counted(len(unseen), 'class')}, of {counted(count, 'evaluated clip')}, not among those of training: "
            "scored with 0.",
            file=sys.stderr,
        )
    return usable


def find_classes(clips: Sequence[ClipInfo], config: ClassifierLossConfig) -> Classes:
    """The classes of clips, with the weights of their positives.

    Raises:
        UserError: there is one class alone, and no clip without it; a class has two names; --loss=softmax for clips of
            several labels, or of none; --weights_from without weights; or what `class_priors.of_card` raises.
    """
    if config.weights_from and not config.prior_exponent:
        raise UserError("--weights_from has no effect without --prior_exponent.")
    names = clip_labels.class_names(clips)
    labels_per_clip = [len(clip.labels) for clip in clips]
    if len(names) < 2 and all(labels_per_clip):
        raise UserError(f"all {counted(len(clips), 'clip is', 'clips are')} of one class: there is nothing to learn.")
    loss = classes.loss_for(labels_per_clip) if config.loss == "auto" else config.loss
    if loss == "softmax" and set(labels_per_clip) != {1}:
        count = sum(number != 1 for number in labels_per_clip)
        several = "several" if all(labels_per_clip) else "none or several"
        raise UserError(f"--loss=softmax is for clips of one label, and {count} of {len(clips)} clips have {several}.")
    priors = class_priors.of_card(config.priors, names) if config.priors else class_priors.of_clips(clips)
    weights = class_priors.positive_weights(priors, config.prior_exponent)
    return Classes(names, loss, len(clips), priors, weights)


def train(
    config: ClassifierConfig,
    clips: Sequence[ClipInfo],
    workdir: str,
    observers: Sequence[tf.keras.callbacks.Callback] = (),
    epochs: Optional[epoch_log.Epochs] = None,
) -> None:
    """Trains a classifier in `workdir`, or goes on there (`loop.train`); classes.json says what its logits mean.

    Args:
        config: the settings.
        clips: what to learn from: `training_clips(config)` or some of them.
        workdir: the run directory.
        observers, epochs: as for `loop.train`.

    Raises:
        Terminated, UserError: as for `loop.train`, `find_classes`, `frame_labels.read` and `starts.transfer`; the run
            began with other labels, or a mask of SpecAugment is larger than a window.
    """
    window_augmentation.require_fitting(config.augmentation, registry.by_name(config.network.front_end))
    refined = frame_labels.read(config, clips) if config.labels.frame_labels else None
    learned = refined.clips if refined else clips
    known = find_classes(learned, config.loss)
    frame_labels.require_loss(config, known)
    kept = refined.windows if refined else None
    read_batches = functools.partial(inputs.labelled_batches, config, list(known.names), learned, kept=kept)
    digests = {"frame_labels": refined.digest} if refined else weak_labels.digests(config.labels.weak_labels)
    source = run_inputs.Records(config, read_batches, [clip.clip_id for clip in learned], digests=digests)
    epochs = epochs.of(len(learned) * config.data.windows_per_clip) if epochs else None
    loop.train(config, workdir, functools.partial(_build_model, config, known, workdir), source, observers, epochs)


def _build_model(config: ClassifierConfig, known: Classes, workdir: str) -> "ClassifierModel":
    if distribution.is_chief(tf.distribute.get_strategy()):
        classes.write(workdir, known)
    print(_in_words(config.loss, known), file=sys.stderr)
    network = networks.build_classifier(config.network, networks.feature_shape(config.network), len(known.names))
    imagenet_weights.load(network, config.network)
    starts.begin(network, config, workdir)
    num_rows = config.training.batch_size // tf.distribute.get_strategy().num_replicas_in_sync
    weights = [known.positive_weights[index] for index in known.names]
    rate, seed = config.network.dropout, config.training.seed
    first = math.floor(config.loss.weights_from * config.training.steps)
    return ClassifierModel(network, known.loss, weights, rate, seed, first_weighted_step=first, num_rows=num_rows)


def _in_words(config: ClassifierLossConfig, known: Classes) -> str:
    reasons = {"softmax": "as every clip has one label", "sigmoid": "as some clips have several labels, or none"}
    reason = reasons[known.loss] if config.loss == "auto" else f"as --loss={config.loss} asks"
    text = f"{counted(known.num_clips, 'clip')} of {len(known.names)} classes: {known.loss}, {reason}."
    if not config.prior_exponent:
        return text
    least, most = (choose(known.positive_weights.values()) for choose in (min, max))
    return f"{text} Positives weigh {least:.3g} to {most:.3g}, by the priors of their classes (classes.json)."


class ClassifierModel(ObjectiveModel):
    """Trains `network` (windows [B, T, F] -> logits [B, C]) on `LabelledBatch`es.

    Metrics: `accuracy` (share of windows whose most probable class is one of theirs; of a mixed window the target of
    that class).
    """

    def __init__(
        self,
        network: tf.keras.Model,
        loss: str,
        positive_weights: Union[float, Sequence[float]] = 1.0,
        dropout_rate: float = 0.0,
        seed: int = 0,
        first_weighted_step: int = 0,
        **options: Any,
    ) -> None:
        """
        Args:
            network: see above.
            loss: softmax or sigmoid.
            positive_weights: weights of the loss of positives, one for each class or one for all.
            dropout_rate: share of the features that are dropped in training, as `networks.split_classifier` gives them.
            seed: of what is dropped.
            first_weighted_step: how many steps are taken before positives have their weights.
            options: of `ObjectiveModel`.
        """
        super().__init__({"network": network}, ("accuracy",), **options)
        self._classification_loss, self._positive_weights = loss, tf.constant(positive_weights, tf.float32)
        self._first_weighted_step = first_weighted_step
        self._compute_logits = _with_dropout(network, dropout_rate, seed) if dropout_rate else _without_dropout(network)

    def terms(self, batch: inputs.LabelledBatch) -> Terms:
        step = self.optimizer.iterations
        logits = self._compute_logits(batch.windows, step)
        weights = tf.where(step < self._first_weighted_step, 1.0, self._positive_weights)
        loss = classification.cross_entropy(logits, batch.targets, self._classification_loss, weights)
        is_right = tf.gather(batch.targets, tf.argmax(logits, axis=1), axis=1, batch_dims=1)
        return Terms(loss, tf.ones_like(loss), {"accuracy": is_right})


# Windows, and the number of steps before -> logits in training.
_Logits = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def _without_dropout(network: tf.keras.Model) -> _Logits:
    return lambda windows, step: network(windows, training=True)


def _with_dropout(network: tf.keras.Model, rate: float, seed: int) -> _Logits:
    features, to_logits = networks.split_classifier(network)

    def compute(windows: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        step_seed = tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])
        return to_logits(dropout.drop(features(windows, training=True), rate, step_seed))

    return compute
