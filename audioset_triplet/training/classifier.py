"""Training a classifier from scratch: the Keras model, a run of it, and what it says about clips.

The row "log-mel, ResNet-50" of Jansen et al. 2018: the network that the embedding has, trained on labels alone. Labels
are those of clips; every window inherits them, and a clip's score is the mean over its windows (Hershey et al. 2017,
sections 2 and 4), loud ones counting for more (`frontend.level`).
"""

import dataclasses
import functools
import json
import os
import sys
from typing import Any, Dict, List, Sequence

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from audioset_triplet import distribution, files, options
from audioset_triplet.config import ClassifierConfig
from audioset_triplet.data import clip_labels, records
from audioset_triplet.data.embedding_parts import ClipInfo
from audioset_triplet.data.scores import ClipScores
from audioset_triplet.errors import UserError
from audioset_triplet.losses import classification
from audioset_triplet.models import checkpoints
from audioset_triplet.models.resnet import build_resnet50_classifier
from audioset_triplet.training import inputs, runs, sources
from audioset_triplet.training.objective import ObjectiveModel, Terms

_SCORED_WINDOWS = 128  # at a time


@dataclasses.dataclass(frozen=True)
class Classes:
    """What a classifier tells apart, as found in the clips that it learns from."""

    names: Dict[int, str]  # class index (label of the records) -> name, ascending: the order of the logits
    one_per_clip: bool  # every clip has exactly one label
    num_clips: int


def training_clips(config: ClassifierConfig) -> List[ClipInfo]:
    """The labelled clips that a run learns from.

    Raises:
        UserError: what `clip_labels.read` and `clip_labels.only` raise, or no clip has a label.
    """
    clips = clip_labels.read(config.data.data, config.data.folds)
    if config.labels.clips:
        clips = clip_labels.only(clips, config.labels.clips)
    labelled = [clip for clip in clips if clip.labels]
    if not labelled:
        raise UserError(f"--data={config.data.data}: the clips have no labels; a classifier learns from labels alone.")
    if len(labelled) < len(clips):
        print(f"{len(clips) - len(labelled)} of {len(clips)} clips have no label: they are left out.", file=sys.stderr)
    return labelled


def find_classes(clips: Sequence[ClipInfo]) -> Classes:
    """What there is to be told apart in labelled clips.

    Raises:
        UserError: there is one class alone, or a class has two names.
    """
    names = clip_labels.class_names(clips)
    if len(names) < 2:
        raise UserError(f"all {len(clips)} clips are of one class: there is nothing to tell apart.")
    return Classes(names, all(len(clip.labels) == 1 for clip in clips), len(clips))


def train(config: ClassifierConfig, clips: Sequence[ClipInfo], workdir: str) -> None:
    """Trains a classifier in `workdir`, or goes on there (see `runs.train`); classes.json says what its logits mean.

    Args:
        config: the settings.
        clips: what to learn from: `training_clips(config)` or some of them.
        workdir: the work directory.

    Raises:
        UserError: what `runs.train` and `find_classes` raise; the labels are not those that the run began with.
    """
    classes, clip_ids = find_classes(clips), [clip.clip_id for clip in clips]
    read_batches = functools.partial(inputs.labelled_batches, config, list(classes.names), clip_ids)
    source = sources.Records(config, read_batches, clip_ids)
    runs.train(config, workdir, functools.partial(_build_model, config, classes, workdir), source)


def _build_model(config: ClassifierConfig, classes: Classes, workdir: str) -> "ClassifierModel":
    if distribution.is_chief(tf.distribute.get_strategy()):
        _keep_classes(workdir, classes)
    loss = (
        "softmax, as every clip has one label"
        if classes.one_per_clip
        else "sigmoids, as some clips have several labels"
    )
    print(f"{classes.num_clips} clips of {len(classes.names)} classes: {loss}.", file=sys.stderr)
    network = build_resnet50_classifier(config.model, len(classes.names))
    num_rows = config.training.batch_size // tf.distribute.get_strategy().num_replicas_in_sync
    return ClassifierModel(network, classes.one_per_clip, places_shape=(num_rows, 1))


def _keep_classes(workdir: str, classes: Classes) -> None:
    """Writes classes.json, before config.json: where a run has begun it holds, and has to agree."""
    if not os.path.exists(checkpoints.config_path(workdir)):
        os.makedirs(workdir, exist_ok=True)
        files.write_text(_classes_path(workdir), options.to_json(classes))
    elif read_classes(workdir) != classes:
        raise UserError(
            f"{workdir} holds a run on other labels: {read_classes(workdir).num_clips} clips of "
            f"{len(read_classes(workdir).names)} classes, now {classes.num_clips} of {len(classes.names)}. "
            "Give the same flags and the same records to resume it, or another --workdir."
        )


def _classes_path(workdir: str) -> str:
    return os.path.join(workdir, "classes.json")


def read_classes(workdir: str) -> Classes:
    """What the classifier of a work directory tells apart; a UserError where there is none."""
    try:
        with open(_classes_path(workdir), encoding="utf-8") as file:
            values = json.load(file)
        names = {int(index): name for index, name in values["names"].items()}
        return Classes(names, values["one_per_clip"], values["num_clips"])
    except FileNotFoundError as error:
        raise UserError(f"{workdir} holds no classifier: it has no classes.json.") from error
    except (ValueError, KeyError) as error:
        raise UserError(f"{_classes_path(workdir)}: damaged ({error}); train in another --workdir.") from error


class ClassifierModel(ObjectiveModel):
    """Trains `network` (windows [B, T, F] -> logits [B, C]) on `LabelledBatch`es.

    Monitors `accuracy` (share of windows whose likeliest class is one of theirs).
    """

    def __init__(self, network: tf.keras.Model, one_per_clip: bool, **options: Any) -> None:
        super().__init__({"network": network}, ("accuracy",), **options)
        self._one_per_clip = one_per_clip

    def terms(self, batch: inputs.LabelledBatch) -> Terms:
        logits = self.parts["network"](batch.windows, training=True)
        loss = classification.cross_entropy(logits, batch.targets, self._one_per_clip)
        is_right = tf.gather(batch.targets, tf.argmax(logits, axis=1), axis=1, batch_dims=1)
        return Terms(loss, tf.ones_like(loss), {"accuracy": is_right})


def score(workdir: str, data: str, folds: Sequence[int]) -> ClipScores:
    """What the trained classifier of a work directory says about clips.

    A clip's score is the mean of the probabilities of its windows, which are cut and weighted as for embeddings: one
    behind the other, an incomplete last one dropped, a shorter clip padded. A class that the classifier has never seen
    scores 0.

    Args:
        workdir: where `train` was.
        data: globs of TFRecord files, separated by commas.
        folds: only clips of these folds; empty: all.

    Raises:
        UserError: there is no classifier or no checkpoint of it; what `clip_labels.read` raises.
    """
    run_config = checkpoints.read_config(workdir, ClassifierConfig)
    classes = read_classes(workdir)
    network = build_resnet50_classifier(run_config.model, len(classes.names))
    checkpoints.restore_weights(network, workdir, run_config)
    clips = clip_labels.read(data, folds)
    names = {**clip_labels.class_names(clips), **classes.names}
    indices = sorted(names)

    rows = {clip.clip_id.encode(): row for row, clip in enumerate(clips)}
    sums, total_weights = np.zeros([len(clips), len(classes.names)]), np.zeros(len(clips))

    @tf.function(reduce_retracing=True)
    def predict(batch: tf.Tensor) -> tf.Tensor:
        return classification.probabilities(network(batch, training=False), classes.one_per_clip)

    progress = tqdm(total=len(clips), desc="scoring", unit=" clips", disable=None)
    with progress, records.named_errors(records.expand_globs(data)):
        for clip_ids, log_mel, weights in inputs.successive_windows(data, folds, _SCORED_WINDOWS):
            batch_rows = [rows[clip_id] for clip_id in clip_ids.numpy()]
            np.add.at(sums, batch_rows, predict(log_mel).numpy() * weights.numpy()[:, None])
            np.add.at(total_weights, batch_rows, weights.numpy())
            progress.update(int(np.count_nonzero(total_weights)) - progress.n)

    scores = np.zeros([len(clips), len(indices)], np.float32)
    scores[:, np.searchsorted(indices, list(classes.names))] = sums / total_weights[:, None]
    return ClipScores(
        clip_ids=[clip.clip_id for clip in clips],
        scores=scores,
        targets=np.array([np.isin(indices, clip.labels) for clip in clips]),
        classes=indices,
        class_names={index: names[index] for index in indices},
    )
