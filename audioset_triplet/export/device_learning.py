"""A few clips of some classes -> a trained head, and its scores of other clips: as on a device, without TensorFlow.

Shapes: W windows, D embedding size, C classes.
"""

import csv
import os
import zipfile
from typing import Callable, Dict, List, NamedTuple, Tuple

import numpy as np

from audioset_triplet import files, tables
from audioset_triplet.config.export import HeadLearningConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export.device_runtime import Encoder, Head
from audioset_triplet.frontend import silence
from audioset_triplet.media import audio_files, folder_walk

WEIGHTS, SCORES = "head.npz", "scores.csv"

Progress = Callable[[str], object]


class Learned(NamedTuple):
    """What was learned, and how well it fits the examples."""

    num_clips: Dict[str, int]  # by class
    num_windows: int
    first_loss: float
    last_loss: float


def learn(model: str, examples: str, output: str, config: HeadLearningConfig, progress: Progress = str) -> Learned:
    """Trains the head of a folder on examples, and writes its weights as head.npz.

    Args:
        model: a folder of `experiments.export_model --format=tflite --head_classes=N`.
        examples: a folder with a folder of audio files for each class; its name is that of the class.
        output: where the weights are written, with the names of the classes.
        config: how it learns.
        progress: is told each file.

    Raises:
        UserError: no such files, one class alone, more classes than the head has, or audio that cannot be read.
    """
    encoder, head = Encoder(model), Head(model)
    classes = sorted(
        item.name for item in os.scandir(examples) if item.is_dir() and not folder_walk.is_hidden(item.name)
    )
    if not classes or len(classes) > head.num_classes:
        raise UserError(
            f"{examples}: has {len(classes)} folders of examples, and the head of {model} has {head.num_classes} "
            "classes: give each class a folder, and the head enough of them (--head_classes of export_model)."
        )
    if len(classes) < 2:
        raise UserError(
            f"{examples}: has examples of {classes[0]} alone, from which nothing can be told apart: add a folder of "
            f"other sounds, such as {os.path.join(examples, 'other')}."
        )
    embeddings, indices, num_clips = [], [], {}
    for index, name in enumerate(classes):
        clips = _embeddings(encoder, os.path.join(examples, name), progress)
        num_clips[name] = len(clips)
        embeddings += [vectors for _, vectors in clips]
        indices += [np.full(len(vectors), index) for _, vectors in clips]
    inputs = np.concatenate(embeddings)
    targets = np.eye(head.num_classes, dtype=np.float32)[np.concatenate(indices)]
    losses = [head.train(inputs, targets, config.learning_rate) for _ in range(config.steps)]
    os.makedirs(output, exist_ok=True)
    with files.atomic_path(os.path.join(output, WEIGHTS)) as path, open(path, "wb") as file:
        np.savez(file, **head.get_weights(), classes=np.array(classes), model_id=np.array(encoder.model_id))
    return Learned(num_clips, len(inputs), losses[0], losses[-1])


def recognize(model: str, source: str, output: str, progress: Progress = str) -> List[Tuple[str, Dict[str, float]]]:
    """Scores clips with a head that has learned, and writes scores.csv: a row for each, a column for each class.

    Args:
        model: as of `learn`.
        source: a folder of audio files.
        output: as of `learn`, whose head.npz is read.
        progress: is told each file.

    Returns:
        By file: class -> mean score over its windows, from 0 to 1.

    Raises:
        UserError: nothing was learned there, or with another model, or the file is damaged; no audio.
    """
    encoder, head = Encoder(model), Head(model)
    path = os.path.join(output, WEIGHTS)
    try:
        with np.load(path) as saved:
            weights = {name: saved[name] for name in ("kernel", "bias")}
            classes, model_id = saved["classes"].tolist(), str(saved["model_id"])
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is none; learn first (--examples).") from error
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: damaged ({error}); learn again.") from error
    if model_id != encoder.model_id:
        raise UserError(f"{path} was learned on embeddings of {model_id}, and {model} is {encoder.model_id}.")
    head.set_weights(**weights)
    rows = []
    for name, vectors in _embeddings(encoder, source, progress):
        scores = head.infer(vectors).mean(axis=0)
        rows.append((name, {label: float(score) for label, score in zip(classes, scores)}))
    with files.atomic_path(os.path.join(output, SCORES)) as temporary:
        with open(temporary, "w", encoding=tables.SPREADSHEET_ENCODING, newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["clip", *classes])
            writer.writerows([name, *(f"{score:.4f}" for score in scores.values())] for name, scores in rows)
    return rows


def _embeddings(encoder: Encoder, folder: str, progress: Progress) -> List[Tuple[str, np.ndarray]]:
    """By audio file of a folder: the embeddings of its windows that are not silent, or of all where all are."""
    clips = []
    audio_format = {"sample_rate_hz": encoder.sample_rate_hz, "num_channels": encoder.num_channels}
    for file in folder_walk.find(folder).files:
        progress(file.path)
        waveform = audio_files.load(file.path, **audio_format)
        vectors = encoder.embed(waveform)
        is_active = encoder.mean_squares(waveform) > silence.MOST_MEAN_SQUARE
        clips.append((os.path.relpath(file.path, folder), vectors[is_active] if is_active.any() else vectors))
    if not clips:
        raise UserError(f"{folder}: no audio file in this folder.")
    return clips
