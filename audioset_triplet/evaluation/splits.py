"""The two sides of a supervised evaluation: labelled clips to learn from, and other clips to evaluate."""

import dataclasses
from typing import Dict, List, Optional, Sequence

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.plurals import counted
from audioset_triplet.store import part_info
from audioset_triplet.store import stored_clips as stored
from audioset_triplet.store.scores import ClipScores
from audioset_triplet.store.stored_clips import Clips, StoredClips
from audioset_triplet.store.weak_labels import WeakLabels


@dataclasses.dataclass(frozen=True)
class Split:
    """Clips to train on and clips to evaluate, of one model; no usable training clip is of an evaluated recording."""

    train: StoredClips
    usable: np.ndarray  # [n] bool: the clips of `train` with a label whose recording is not evaluated on
    weights: np.ndarray  # [n] float32: weight in training of each clip of `train`
    evaluated: StoredClips
    classes: List[int]  # of both sides, ascending
    class_names: Dict[int, str]

    def train_targets(self, rows: np.ndarray) -> np.ndarray:
        """[len(rows), C] float32, 1 where the clip of `train` at a row belongs to a class."""
        return _targets(self.train, rows, self.classes).astype(np.float32)

    def clip_scores(self, scores: np.ndarray) -> ClipScores:
        """The scores [n, C] of the evaluated clips, together with the targets."""
        rows = np.arange(len(self.evaluated.clip_ids))
        targets = _targets(self.evaluated, rows, self.classes)
        return ClipScores(self.evaluated.clip_ids, scores, targets, self.classes, self.class_names)


def read_split(
    train_folder: str,
    train_folds: Sequence[int],
    eval_folder: str,
    eval_folds: Sequence[int],
    train_labels: Optional[WeakLabels] = None,
    annotated_weight: float = 1.0,
) -> Split:
    """The clips of both sides, without their embeddings.

    A training clip from an evaluated recording is not usable: a few data sets, such as ESC-50, have recordings in two
    folds, and the evaluated clips stay those that everybody evaluates. A training clip without a label is not usable
    either: it is no negative example of all classes.

    Args:
        train_folder, train_folds: the clips to train on; no folds: all.
        eval_folder, eval_folds: the clips to evaluate.
        train_labels: labels of the clips to train on; None: the stored ones.
        annotated_weight: weight in training of an annotated clip; one that got its labels by propagation weighs 1.

    Raises:
        UserError: what `stored_clips.read_clips` raises; embeddings of two models; a clip on both sides; no usable
            training clip; a class with two names.
    """
    train = stored.read_clips(train_folder, train_folds)
    weights = np.ones(len(train.clip_ids), np.float32)
    if train_labels is not None:
        labels = [train_labels.labels.get(clip_id, ()) for clip_id in train.clip_ids]
        train = dataclasses.replace(train, labels=labels, class_names=train_labels.class_names)
        weights[[clip_id in train_labels.annotated for clip_id in train.clip_ids]] = annotated_weight
    evaluated = stored.read_clips(eval_folder, eval_folds)
    part_info.check_same_model(
        train.info,
        train_folder,
        evaluated.info,
        eval_folder,
        "a classifier learns from embeddings of one model; embed both with the same",
    )
    common = set(train.clip_ids) & set(evaluated.clip_ids)
    if common:
        advice = "choose other folds for the one or the other (--train_folds, --folds)"
        if not train_folds and train_folder == eval_folder:
            advice = "give --train_folds too: without it all clips are training clips"
        raise UserError(
            f"{counted(len(common), 'clip is', 'clips are')} both to be trained on and to be evaluated, such as "
            f"{min(common)}: {advice}."
        )
    recordings = set(evaluated.recording_ids)
    usable = np.array([recording not in recordings for recording in train.recording_ids])
    if not usable.any():
        raise UserError(f"{train_folder}: every clip to train on is of an evaluated recording.")
    usable &= np.array([len(labels) > 0 for labels in train.labels])
    if not usable.any():
        raise UserError(
            f"{train_folder}: none of the clips to train on has a label; prepare records with labels and embed them."
        )
    class_names = dict(train.class_names)
    stored.add_class_names(class_names, evaluated.class_names.items(), f"{train_folder} and {eval_folder}")
    return Split(train, usable, weights, evaluated, sorted(class_names), class_names)


def _targets(clips: Clips, rows: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    columns = {label: column for column, label in enumerate(classes)}
    targets = np.zeros((len(rows), len(classes)), bool)
    for index, row in enumerate(rows):
        for label in clips.labels[row]:
            targets[index, columns[label]] = True
    return targets
