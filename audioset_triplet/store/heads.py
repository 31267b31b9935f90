"""Heads on disk: what maps stored embeddings to a score for each class, with the ratings that it learned from.

A head is one file, head.npz, that NumPy opens without pickle:

    kernel_0 [D, H], bias_0 [H], kernel_1 [H, C], ...   float32, the layers: ReLU between them, a sigmoid at the end
    columns, scores, is_present, is_random [n]          the ratings, with their scores out of fold (`ScoredRatings`)
    event_columns, event_thresholds, ... [v]            the events that they are of (`RatedEvents`)
    about                                               JSON: the fields of `HeadInfo`

Shapes: D embedding size, C classes, n ratings, v events, R windows.
"""

import dataclasses
import hashlib
import json
import os
import zipfile
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import numpy as np
from scipy import special

from audioset_triplet import files
from audioset_triplet.errors import UserError
from audioset_triplet.store.embedding_parts import StoreInfo

Layers = Tuple[Tuple[np.ndarray, np.ndarray], ...]  # kernel and bias of each

NAME = "head.npz"
_RATINGS = {"columns": np.int64, "scores": np.float64, "is_present": np.bool_, "is_random": np.bool_}
_EVENTS = {
    "columns": np.int64,
    "thresholds": np.float64,
    "scores": np.float64,
    "is_present": np.bool_,
    "weights": np.float64,
}


@dataclasses.dataclass(frozen=True)
class ScoredRatings:
    """n ratings of intervals for classes of a head, each with the score by a head that did not see its recording."""

    columns: np.ndarray  # [n] int64: class of the head
    scores: np.ndarray  # [n] float64, from 0 to 1, the largest of the windows of the interval; NaN: none
    is_present: np.ndarray  # [n] bool
    is_random: np.ndarray  # [n] bool: the interval was drawn at random

    def of_class(self, column: int) -> "ScoredRatings":
        """Those of one class."""
        rows = self.columns == column
        return ScoredRatings(*(getattr(self, name)[rows] for name in _RATINGS))


@dataclasses.dataclass(frozen=True)
class RatedEvents:
    """The v events that rated windows are in at some thresholds, by heads that did not see their recordings."""

    columns: np.ndarray  # [v] int64: class of the head
    thresholds: np.ndarray  # [v] float64
    scores: np.ndarray  # [v] float64: the highest of the event
    is_present: np.ndarray  # [v] bool: a rating of the event says so
    weights: np.ndarray  # [v] float64: 1 / windows of an event that only random draws met, which meet long ones more; 1

    def of_class(self, column: int) -> "RatedEvents":
        """Those of one class."""
        rows = self.columns == column
        return RatedEvents(*(getattr(self, name)[rows] for name in _EVENTS))


@dataclasses.dataclass(frozen=True)
class HeadInfo:
    """Whose embeddings a head takes, and what it learned from."""

    kind: str  # logistic or fc
    classes: Tuple[str, ...]  # [C] names, each once
    model_id: str  # of the embeddings
    front_end_id: str
    embedding_size: int  # D
    window_seconds: float
    hop_seconds: float  # from the start of a window to that of the next
    max_gap_seconds: float  # between windows of one event
    ratings_digest: str  # of the ratings
    left_out: Mapping[str, str]  # name of a class without a head -> why
    code_version: str


@dataclasses.dataclass(frozen=True)
class Head:
    """A head.

    Raises:
        ValueError: layers or ratings that do not fit.
    """

    info: HeadInfo
    layers: Layers
    ratings: ScoredRatings
    events: RatedEvents

    def __post_init__(self) -> None:
        sizes = [self.info.embedding_size]
        for kernel, bias in self.layers:
            if kernel.ndim != 2 or bias.shape != kernel.shape[1:] or kernel.shape[0] != sizes[-1]:
                raise ValueError(f"a layer of {kernel.shape} and {bias.shape} behind {sizes[-1]}")
            if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
                raise ValueError("a weight is not finite")
            sizes.append(len(bias))
        if len(sizes) == 1 or sizes[-1] != len(self.info.classes) or len(set(self.info.classes)) < sizes[-1]:
            raise ValueError(f"{sizes[-1]} scores of the classes {self.info.classes}")
        if len({getattr(self.ratings, name).shape for name in _RATINGS}) > 1:
            raise ValueError("the ratings differ in number")
        if len({getattr(self.events, name).shape for name in _EVENTS}) > 1:
            raise ValueError("the events differ in number")

    @property
    def id(self) -> str:
        """Of its kind, its classes and its weights."""
        digest = hashlib.sha256(json.dumps([self.info.classes, self.info.model_id]).encode())
        for layer in self.layers:
            for weights in layer:
                digest.update(np.ascontiguousarray(weights, np.float32).tobytes())
        return f"{self.info.kind}-{digest.hexdigest()[:12]}"

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """[R, C] float32 from 0 to 1, of embeddings [R, D]."""
        return scores(self.layers, vectors)

    def require_same_model(self, store: StoreInfo, folder: str, path: str) -> None:
        """Raises a UserError unless a folder holds embeddings of the model that the head takes.

        Args:
            store: the metadata of the folder.
            folder, path: of the embeddings and of the head, for the error.
        """
        ours = (self.info.model_id, self.info.front_end_id, self.info.embedding_size)
        theirs = (store.model_id, store.front_end_id, store.embedding_size)
        if ours != theirs:
            raise UserError(
                f"{folder} has the embeddings of {store.model_id}, but {path} was trained on those of "
                f"{self.info.model_id}: embed with the same model, or train a head on these."
            )


def scores(layers: Layers, vectors: np.ndarray) -> np.ndarray:
    """[R, C] float32 from 0 to 1, of embeddings [R, D] by some layers."""
    values = np.asarray(vectors, np.float32)
    for number, (kernel, bias) in enumerate(layers):
        values = (np.maximum(values, 0) if number else values) @ kernel + bias
    return special.expit(values).astype(np.float32)


def path_in(folder: str) -> str:
    return os.path.join(folder, NAME)


def write(path: str, head: Head) -> None:
    """Writes a head to a file, which appears when it is whole and replaces an older one."""
    arrays: Dict[str, np.ndarray] = {"about": np.array(json.dumps(dataclasses.asdict(head.info)))}
    for number, (kernel, bias) in enumerate(head.layers):
        arrays[f"kernel_{number}"] = np.asarray(kernel, np.float32)
        arrays[f"bias_{number}"] = np.asarray(bias, np.float32)
    arrays.update({name: getattr(head.ratings, name) for name in _RATINGS})
    arrays.update({f"event_{name}": getattr(head.events, name) for name in _EVENTS})
    with files.atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)


def read(path: str) -> Head:
    """The inverse of `write`.

    Args:
        path: the file, or the folder with its head.npz.

    Raises:
        UserError: no such file, or a damaged one.
    """
    if os.path.isdir(path):
        path = path_in(path)
    if not os.path.exists(path):
        raise UserError(f"{path}: no such head; experiments.train_head writes one.")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            values = json.loads(str(arrays["about"]))
            info = HeadInfo(**{**values, "classes": tuple(values["classes"])})
            ratings = ScoredRatings(**{name: arrays[name].astype(kind) for name, kind in _RATINGS.items()})
            events = RatedEvents(**{name: arrays[f"event_{name}"].astype(kind) for name, kind in _EVENTS.items()})
            return Head(info, _layers(arrays, list(arrays)), ratings, events)
    except (OSError, EOFError, KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path}: not a head, or a damaged one ({reason}); train it again.") from error


def _layers(arrays: Any, names: Sequence[str]) -> Layers:
    layers: List[Tuple[np.ndarray, np.ndarray]] = []
    while f"kernel_{len(layers)}" in names:
        layers.append((arrays[f"kernel_{len(layers)}"], arrays[f"bias_{len(layers)}"]))
    return tuple(layers)
