"""The objective classifier: a network learns the labels of clips from scratch.

The row "log-mel, ResNet-50" of Jansen et al. 2018. Every window has the labels of its clip (Hershey et al. 2017,
section 2). `evaluation.clip_scoring` scores clips.
"""

import functools
import sys
from typing import Any, List, Sequence

import tensorflow as tf

from audioset_triplet import distribution
from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.errors import UserError
from audioset_triplet.losses import classification
from audioset_triplet.models import networks
from audioset_triplet.plurals import counted
from audioset_triplet.records import clip_labels
from audioset_triplet.runs import classes
from audioset_triplet.runs.classes import Classes
from audioset_triplet.training import inputs, loop, run_inputs
from audioset_triplet.training.objective import ObjectiveModel, Terms


def training_clips(config: ClassifierConfig) -> List[ClipInfo]:
    """The labelled clips that a run learns from; prints how many clips have no label.

    Raises:
        UserError: what `clip_labels.read` and `clip_labels.select` raise, or no clip has a label.
    """
    clips = clip_labels.read(config.data.data, config.data.folds)
    if config.labels.clips:
        clips = clip_labels.select(clips, config.labels.clips)
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


def find_classes(clips: Sequence[ClipInfo]) -> Classes:
    """The classes of labelled clips.

    Raises:
        UserError: there is one class alone, or a class has two names.
    """
    names = clip_labels.class_names(clips)
    if len(names) < 2:
        raise UserError(f"all {counted(len(clips), 'clip is', 'clips are')} of one class: there is nothing to learn.")
    return Classes(names, all(len(clip.labels) == 1 for clip in clips), len(clips))


def train(config: ClassifierConfig, clips: Sequence[ClipInfo], workdir: str) -> None:
    """Trains a classifier in `workdir`, or goes on there (`loop.train`); classes.json says what its logits mean.

    Args:
        config: the settings.
        clips: what to learn from: `training_clips(config)` or some of them.
        workdir: the run directory.

    Raises:
        Terminated, UserError: as for `loop.train` and `find_classes`; the run began with other labels.
    """
    known, clip_ids = find_classes(clips), [clip.clip_id for clip in clips]
    read_batches = functools.partial(inputs.labelled_batches, config, list(known.names), clip_ids)
    source = run_inputs.Records(config, read_batches, clip_ids)
    loop.train(config, workdir, functools.partial(_build_model, config, known, workdir), source)


def _build_model(config: ClassifierConfig, known: Classes, workdir: str) -> "ClassifierModel":
    if distribution.is_chief(tf.distribute.get_strategy()):
        classes.write(workdir, known)
    loss = (
        "softmax, as every clip has one label" if known.one_per_clip else "sigmoids, as some clips have several labels"
    )
    print(
        f"{counted(known.num_clips, 'clip')} of {counted(len(known.names), 'class')}: {loss}.",
        file=sys.stderr,
    )
    network = networks.build_classifier(config.network, networks.feature_shape(config.network), len(known.names))
    num_rows = config.training.batch_size // tf.distribute.get_strategy().num_replicas_in_sync
    return ClassifierModel(network, known.one_per_clip, num_rows=num_rows)


class ClassifierModel(ObjectiveModel):
    """Trains `network` (windows [B, T, F] -> logits [B, C]) on `LabelledBatch`es.

    Metrics: `accuracy` (share of windows whose most probable class is one of theirs).
    """

    def __init__(self, network: tf.keras.Model, one_per_clip: bool, **options: Any) -> None:
        super().__init__({"network": network}, ("accuracy",), **options)
        self._one_per_clip = one_per_clip

    def terms(self, batch: inputs.LabelledBatch) -> Terms:
        logits = self.submodels["network"](batch.windows, training=True)
        loss = classification.cross_entropy(logits, batch.targets, self._one_per_clip)
        is_right = tf.gather(batch.targets, tf.argmax(logits, axis=1), axis=1, batch_dims=1)
        return Terms(loss, tf.ones_like(loss), {"accuracy": is_right})
