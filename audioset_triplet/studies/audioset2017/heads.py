"""A fully connected classifier on frozen embeddings -> the scores of windows, as those of a network on log-mel."""

import dataclasses
import os
from typing import Iterator

import numpy as np
import tensorflow as tf

import audioset_triplet
from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.evaluation import classification
from audioset_triplet.evaluation.splits import Split
from audioset_triplet.export.loaded_model import WindowModel
from audioset_triplet.store import embeddings, window_parts, window_scores
from audioset_triplet.store.window_scores import ScoreBatch, ScoredClip, ScoreInfo

_PART = "scores-00000-of-00001.parquet"


@dataclasses.dataclass(frozen=True)
class Head:
    """How the classifier is trained."""

    config: HeadConfig
    seed: int


def write_scores(split: Split, labelled: np.ndarray, head: Head, model: WindowModel, folder: str, output: str) -> None:
    """Trains the classifier and writes the scores of all evaluated windows.

    Args:
        split: the clips of both sides.
        labelled: [n] bool, the clips of `split.train` to learn from.
        head: how.
        model: whose embeddings they are.
        folder: of the evaluated embeddings.
        output: folder of the scores; made if it is missing.
    """
    network = classification.fit(split, labelled, head.config, head.seed)
    info = ScoreInfo(
        model_id=f"{split.train.model_id}-head-of-{int(labelled.sum())}-clips-seed{head.seed}",
        front_end_id=split.train.info.front_end_id,
        code_version=audioset_triplet.__version__,
        classes=tuple(split.classes),
        class_names=tuple(split.class_names[index] for index in split.classes),
        window_seconds=model.window_samples / model.sample_rate_hz,
        hop_seconds=model.hop_seconds,
    )
    os.makedirs(output, exist_ok=True)
    clips = (ScoredClip(*clip) for clip in window_scores.whole_clips(_scored(network, folder)))
    window_scores.write_part(os.path.join(output, _PART), info, clips)


def _scored(network: tf.keras.Model, folder: str) -> Iterator[ScoreBatch]:
    names = [field.name for field in dataclasses.fields(window_parts.WindowRows)]
    for batch in embeddings.read_batches(folder):
        scores = np.asarray(network.predict_on_batch(batch.embeddings), np.float32)
        yield ScoreBatch(**{name: getattr(batch, name) for name in names}, scores=scores)
