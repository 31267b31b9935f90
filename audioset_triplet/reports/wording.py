"""Text that headlines and pages of several evaluations share: tables, counts, and the footer."""

import dataclasses
from typing import Any, List, Sequence, Tuple

import numpy as np

import audioset_triplet
from audioset_triplet import plurals
from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.evaluation.comparisons import EmbeddingSet, SetResult
from audioset_triplet.evaluation.metrics import ScoreMetrics
from audioset_triplet.evaluation.splits import Split
from audioset_triplet.store.stored_clips import Clips

_NAME_WIDTH = 24  # of the first column of a table, in characters


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table of text, with a line for each row: a name and numbers, of which only counts are whole."""
    widths = [max(10, len(name)) for name in header[1:]]
    lines = ["".join([f"{header[0]:{_NAME_WIDTH}}", *(f" {name:>10}" for name in header[1:])])]
    lines += ["".join([f"{name:{_NAME_WIDTH}}", *map(_cell, values, widths)]) for name, *values in rows]
    return "\n".join(lines) + "\n"


def _cell(value: Any, width: int) -> str:
    return f" {value:{width},}" if isinstance(value, int) else f" {value:{width}.3f}"


def frequency(hz: float) -> str:
    """125 -> 125 Hz, 7412 -> 7.4 kHz."""
    return f"{hz:.0f} Hz" if hz < 1000 else f"{hz / 1000:.3g} kHz"


def windows(window_seconds: float, hop_seconds: float) -> str:
    """How long windows are and how far apart, and so how much of the audio two of them share."""
    overlap = window_seconds - hop_seconds
    shared = f"; two in a row share {overlap:.3g} s" if overlap > 1e-6 else ""
    return f"one every {hop_seconds:g} s, each {window_seconds:g} s long{shared}"


def left_out(classes: Sequence[int]) -> str:
    """How many classes are not evaluated."""
    return f"left out for too few clips: {plurals.counted(len(classes), 'class')}"


def of_folds(folds: Sequence[int]) -> str:
    """Which folds clips are of; empty for all."""
    return f" of fold {', '.join(map(str, folds))}" if folds else ""


def counted(measured: ScoreMetrics, folds: Sequence[int]) -> str:
    """How many classes and clips are evaluated."""
    counts = (
        f"{plurals.counted(len(measured.classes), 'class')}, {plurals.counted(measured.num_clips, 'clip')}"
        f"{of_folds(folds)}"
    )
    return f"{counts}; {left_out(measured.classes_left_out)}"


def head_settings(head: HeadConfig) -> str:
    """The settings of the classifier in a line."""
    return ", ".join(f"{name} {value:g}" for name, value in dataclasses.asdict(head).items()).replace("_", " ")


def clip_facts(clips: Clips, kind: str) -> List[Tuple[str, str]]:
    """Footer: how many clips, of which folds."""
    folds = ", ".join(str(fold) if fold >= 0 else "none" for fold in np.unique(clips.folds))
    return [(kind, str(len(clips.clip_ids))), (f"folds of {kind}" if kind != "clips" else "folds", folds)]


def split_facts(split: Split, measured: ScoreMetrics) -> List[Tuple[str, str]]:
    """Footer: the clips of both sides, and the classes."""
    return [
        *clip_facts(split.train, "training clips"),
        ("not used: no label, or of an evaluated recording", str(int((~split.usable).sum()))),
        *clip_facts(split.evaluated, "evaluated clips"),
        ("classes", f"{len(split.classes)}, of which {len(measured.classes_left_out)} left out"),
    ]


def set_facts(sets: Sequence[EmbeddingSet], results: Sequence[SetResult], front_end_id: str) -> List[Tuple[str, str]]:
    """Footer: the folders of the model, all models, the front end and the version of the code."""
    model = sets[0]
    folders = [("embeddings", model.folder)]
    if model.train_folder != model.folder:
        folders.append(("training embeddings", model.train_folder))
    return [
        *folders,
        *((one.name, one.model_id) for one in results),
        ("front end", front_end_id),
        ("code version", audioset_triplet.__version__),
    ]
