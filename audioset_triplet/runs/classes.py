"""What a classifier tells apart, kept beside it in classes.json, and what it says about clips."""

import dataclasses
import json
import os
from typing import Callable, Dict, Sequence

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from audioset_triplet import files
from audioset_triplet.config import options
from audioset_triplet.errors import UserError
from audioset_triplet.losses import classification
from audioset_triplet.records import clip_labels, reading
from audioset_triplet.runs import checkpoints
from audioset_triplet.sampling import windows
from audioset_triplet.store.scores import ClipScores

_SCORED_WINDOWS = 128  # at a time


@dataclasses.dataclass(frozen=True)
class Classes:
    """What a classifier tells apart, as found in the clips that it learns from."""

    names: Dict[int, str]  # class index (label of the records) -> name, ascending: the order of the logits
    one_per_clip: bool  # every clip has exactly one label
    num_clips: int


def keep(workdir: str, classes: Classes) -> None:
    """Writes classes.json, before config.json: where a run has begun it holds, and has to agree."""
    if not os.path.exists(checkpoints.config_path(workdir)):
        os.makedirs(workdir, exist_ok=True)
        files.write_text(_path(workdir), options.to_json(classes))
    elif read(workdir) != classes:
        raise UserError(
            f"{workdir} holds a run on other labels: {read(workdir).num_clips} clips of "
            f"{len(read(workdir).names)} classes, now {classes.num_clips} of {len(classes.names)}. "
            "Give the same flags and the same records to resume it, or another --workdir."
        )


def _path(workdir: str) -> str:
    return os.path.join(workdir, "classes.json")


def read(workdir: str) -> Classes:
    """What the classifier of a work directory tells apart; a UserError where there is none."""
    try:
        with open(_path(workdir), encoding="utf-8") as file:
            values = json.load(file)
        names = {int(index): name for index, name in values["names"].items()}
        return Classes(names, values["one_per_clip"], values["num_clips"])
    except FileNotFoundError as error:
        raise UserError(f"{workdir} holds no classifier: it has no classes.json.") from error
    except (ValueError, KeyError) as error:
        raise UserError(f"{_path(workdir)}: damaged ({error}); train in another --workdir.") from error


def score(logits_of: Callable[[tf.Tensor], tf.Tensor], classes: Classes, data: str, folds: Sequence[int]) -> ClipScores:
    """What a classifier says about clips.

    A clip's score is the mean of the probabilities of its windows, which are cut and weighted as for embeddings: one
    behind the other, an incomplete last one dropped, a shorter clip padded. A class that the classifier has never seen
    scores 0.

    Args:
        logits_of: log-mel windows [B, T, F] -> logits [B, C].
        classes: what the logits mean.
        data: globs of TFRecord files, separated by commas.
        folds: only clips of these folds; empty: all.

    Raises:
        UserError: what `clip_labels.read` raises.
    """
    clips = clip_labels.read(data, folds)
    names = {**clip_labels.class_names(clips), **classes.names}
    indices = sorted(names)

    rows = {clip.clip_id.encode(): row for row, clip in enumerate(clips)}
    sums, total_weights = np.zeros([len(clips), len(classes.names)]), np.zeros(len(clips))

    @tf.function(reduce_retracing=True)
    def predict(batch: tf.Tensor) -> tf.Tensor:
        return classification.probabilities(logits_of(batch), classes.one_per_clip)

    records = reading.expand_globs(data)
    progress = tqdm(total=len(clips), desc="scoring", unit=" clips", disable=None)
    with progress, reading.named_errors(records):
        stored = reading.read_clips(records, folds, deterministic=True)
        for clip_ids, log_mel, weights in windows.successive_windows(stored, _SCORED_WINDOWS):
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
