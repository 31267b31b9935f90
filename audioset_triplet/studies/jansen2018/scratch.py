"""The row "log-mel, ResNet-50" of Jansen et al. 2018: a classifier trained from scratch on labels, not an embedding."""

import os
from typing import Dict, List

import numpy as np
import tensorflow as tf

from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.evaluation import clip_scoring, metrics, semi_supervised, splits
from audioset_triplet.evaluation.table import Measurement
from audioset_triplet.records import clip_labels
from audioset_triplet.records.splits import DataSplit
from audioset_triplet.store.scores import ClipScores
from audioset_triplet.studies.jansen2018.evaluations import (
    Evaluations,
    measurement,
    numbers_of,
    numbers_of_trials,
)
from audioset_triplet.studies.jansen2018.networks import Embeddings
from audioset_triplet.training import classifier


def classification(folder: str, config: ClassifierConfig, split: DataSplit) -> Measurement:
    """Trains on all clips of the split, except those of evaluated recordings.

    Args:
        folder: of the row and the run; training resumes in folder/run.
        config: how the classifier is trained.
        split: the clips.
    """
    held_out = clip_labels.read(split.held_out.data, split.held_out.folds)
    trained = [clip.clip_id for clip in clip_labels.exclude_recordings(classifier.training_clips(config), held_out)]
    scores = _scores(os.path.join(folder, "run"), config, split, trained)
    return measurement(numbers_of(metrics.measure(scores)), scores.clip_ids, scores.class_names)


def few_labels(
    folder: str, config: ClassifierConfig, split: DataSplit, drawn_as: Embeddings, evaluations: Evaluations
) -> Measurement:
    """Trains on the same few clips as the heads of the other rows: one network per draw.

    Args:
        folder, config, split: as for `classification`.
        drawn_as: embeddings of the same clips, of any row.
        evaluations: how many clips are drawn, and how often.
    """
    clips = splits.read_split(drawn_as.train_folder, (), drawn_as.held_out_folder, ())
    measured: Dict[int, List[metrics.ScoreMetrics]] = {count: [] for count in evaluations.labels_per_class}
    for trial in range(evaluations.trials):
        ranked = semi_supervised.ranked_clips(clips, evaluations.seed, trial)
        for count in evaluations.labels_per_class:
            rows = np.flatnonzero(semi_supervised.labelled(clips, ranked, count))
            workdir = os.path.join(folder, f"run-{count}-labels-trial{trial}")
            scores = _scores(workdir, config, split, [clips.train.clip_ids[row] for row in rows])
            measured[count].append(metrics.measure(scores))
    return measurement(numbers_of_trials(measured), scores.clip_ids, scores.class_names)


def _scores(workdir: str, config: ClassifierConfig, split: DataSplit, clip_ids: List[str]) -> ClipScores:
    """The scores of the held-out clips by a classifier that is trained on these clips."""
    tf.keras.backend.clear_session()  # frees the networks of other cells
    selected = set(clip_ids)
    classifier.train(config, [clip for clip in classifier.training_clips(config) if clip.clip_id in selected], workdir)
    return clip_scoring.score(workdir, split.held_out.data, split.held_out.folds)
