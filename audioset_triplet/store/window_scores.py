"""The scores of windows by a classifier on disk: a folder of Parquet parts, one row per window.

    scores-00000-of-00013.parquet, ...      of `experiments.embed --what=scores`: a part for each shard

    scores                fixed_size_list<float32>[C], from 0 to 1: the probability of each class

The other columns are those of `store.window_parts`. The file metadata names the model, the front end, the classes of
the columns and the windows. `store.scores` has the scores of clips.

Shapes: R rows (windows) of a batch, W windows of a clip, n clips, C classes.
"""

import dataclasses
from typing import Any, ClassVar, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from audioset_triplet import files
from audioset_triplet.clips import ClipInfo, add_class_names, none_of_folds
from audioset_triplet.errors import UserError
from audioset_triplet.store import window_parts
from audioset_triplet.store.part_info import PartInfo
from audioset_triplet.store.part_writers import ParquetPartWriter
from audioset_triplet.store.scores import ClipScores
from audioset_triplet.store.window_parts import WindowRows


@dataclasses.dataclass(frozen=True)
class ScoreInfo(PartInfo):
    """The metadata of scores.

    Raises:
        ValueError: no class, classes that are not ascending, or not one name for each.
    """

    KIND: ClassVar[str] = "scores"
    COLUMN: ClassVar[str] = "scores"

    model_id: str
    front_end_id: str
    code_version: str
    classes: Tuple[int, ...]  # [C] class index (label of the records) of each score, ascending
    class_names: Tuple[str, ...]  # [C]
    window_seconds: float
    hop_seconds: float  # from the start of a window to that of the next

    def __post_init__(self) -> None:
        if not self.classes or list(self.classes) != sorted(set(self.classes)):
            raise ValueError(f"classes must be ascending, not {self.classes}")
        if len(self.class_names) != len(self.classes):
            raise ValueError(f"{len(self.class_names)} names of {len(self.classes)} classes")

    @property
    def vector_size(self) -> int:
        return len(self.classes)

    @property
    def names(self) -> Dict[int, str]:
        """Class index -> name, ascending."""
        return dict(zip(self.classes, self.class_names))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ScoreInfo":
        return cls(
            model_id=values["model_id"],
            front_end_id=values["front_end_id"],
            code_version=values["code_version"],
            classes=tuple(map(int, values["classes"])),
            class_names=tuple(map(str, values["class_names"])),
            window_seconds=float(values["window_seconds"]),
            hop_seconds=float(values["hop_seconds"]),
        )

    def identity(self) -> Dict[str, Any]:
        windows = ("model_id", "front_end_id", "window_seconds", "hop_seconds")
        return {
            **{name: getattr(self, name) for name in windows},
            "the number of classes": len(self.classes),
            **{f"class {index} as": name for index, name in self.names.items()},
        }

    def are_valid(self, vectors: np.ndarray) -> np.ndarray:
        return ((vectors >= 0) & (vectors <= 1)).all(axis=1)  # NaN is not

    def fault(self, vector: np.ndarray) -> str:
        column = int(np.flatnonzero(~((vector >= 0) & (vector <= 1)))[0])
        name = f"{self.classes[column]} ({self.class_names[column]})"
        return f"the score {vector[column]:.4g} of class {name}, which is not from 0 to 1"

    def are_missing(self, vectors: np.ndarray) -> np.ndarray:
        return np.zeros(len(vectors), bool)


@dataclasses.dataclass(frozen=True)
class ScoreBatch(WindowRows):
    """R windows, in the order on disk."""

    scores: np.ndarray  # [R, C] float32, from 0 to 1


class ScoredClip(NamedTuple):
    """A clip with the scores of its W windows."""

    clip: ClipInfo
    window_start_seconds: np.ndarray  # [W]
    scores: np.ndarray  # [W, C], from 0 to 1
    weights: Optional[np.ndarray] = None  # [W], positive; None: equal ones


class ClipWindows(NamedTuple):
    """A stored clip with the scores of its W windows."""

    clip: ClipInfo
    window_start_seconds: np.ndarray  # [W] float32, ascending
    scores: np.ndarray  # [W, C] float32, from 0 to 1
    weights: np.ndarray  # [W] float32, positive


def part_paths(folder: str) -> List[str]:
    """The finished parts of a folder, in the order of their numbers."""
    return window_parts.part_paths(folder, ScoreInfo.KIND)


def write_part(path: str, info: ScoreInfo, clips: Iterable[ScoredClip]) -> None:
    """Writes a part of at least one clip, which appears when it is complete and replaces an older one.

    Raises:
        UserError: a score that is not from 0 to 1.
    """
    with files.atomic_path(path) as temporary:
        writer = ParquetPartWriter(temporary, info)
        for scored in clips:
            writer.write(*scored)
        writer.close()


def read_info(folder: str) -> ScoreInfo:
    """The metadata of a folder.

    Raises:
        UserError: no such folder, no scores in it, a damaged part, or parts of several models or class lists.
    """
    return window_parts.read_folder_info(folder, ScoreInfo)


def read_batches(folder: str, folds: Sequence[int] = ()) -> Iterator[ScoreBatch]:
    """Streams the windows of a folder, part by part, in the order in which they were written.

    Args:
        folder: what `experiments.embed --what=scores` wrote.
        folds: only clips of these folds; empty: all.

    Raises:
        UserError: what `read_info` raises, a score that is not from 0 to 1, or a weight that is not positive.
    """
    read_info(folder)
    for path in part_paths(folder):
        yield from _part_batches(path, folds)


def read_clips(folder: str, folds: Sequence[int] = ()) -> Iterator[ClipWindows]:
    """Streams the clips of a folder, each with all of its windows; arguments and errors as for `read_batches`."""
    read_info(folder)
    for path in part_paths(folder):
        yield from whole_clips(_part_batches(path, folds))


def whole_clips(batches: Iterable[ScoreBatch]) -> Iterator[ClipWindows]:
    """The clips of successive batches, which may cut a clip in two."""
    held: Optional[ClipWindows] = None
    for batch in batches:
        for piece in _pieces(batch):
            if held and held.clip.clip_id == piece.clip.clip_id:
                held = ClipWindows(
                    held.clip,
                    np.concatenate([held.window_start_seconds, piece.window_start_seconds]),
                    np.concatenate([held.scores, piece.scores]),
                    np.concatenate([held.weights, piece.weights]),
                )
                continue
            if held:
                yield held
            held = piece
    if held:
        yield held


def _pieces(batch: ScoreBatch) -> Iterator[ClipWindows]:
    """The successive clips of a batch."""
    starts = np.flatnonzero(np.concatenate([[True], batch.clip_ids[1:] != batch.clip_ids[:-1]]))
    for row, end in zip(starts, np.append(starts[1:], len(batch.clip_ids))):
        clip = ClipInfo(
            clip_id=batch.clip_ids[row],
            recording_id=batch.recording_ids[row],
            labels=batch.labels[row],
            label_names=batch.label_names[row],
            fold=int(batch.folds[row]),
        )
        yield ClipWindows(clip, batch.window_start_seconds[row:end], batch.scores[row:end], batch.weights[row:end])


def _part_batches(path: str, folds: Sequence[int]) -> Iterator[ScoreBatch]:
    for batch in window_parts.part_batches(path, ScoreInfo, folds):
        yield ScoreBatch(**window_parts.window_rows(batch), scores=window_parts.matrix(batch, ScoreInfo.COLUMN))


def clip_scores(folder: str, folds: Sequence[int] = ()) -> ClipScores:
    """The scores of clips: the weighted mean over the windows of each.

    A class that only labels have, and that the model does not know, scores 0.

    Raises:
        UserError: what `read_batches` raises; a clip that is stored twice; a class with two names; no clip of `folds`.
    """
    info = read_info(folder)
    names = info.names
    means: Dict[str, np.ndarray] = {}
    labels: List[Tuple[int, ...]] = []
    for clip, _, window_scores, weights in read_clips(folder, folds):
        if clip.clip_id in means:
            raise UserError(f"{folder}: clip {clip.clip_id} is stored twice; empty the folder and score again.")
        mean = np.average(window_scores, axis=0, weights=weights.astype(np.float64))
        means[clip.clip_id] = np.clip(mean, 0, 1).astype(np.float32)  # rounding leaves the range
        labels.append(clip.labels)
        add_class_names(names, zip(clip.labels, clip.label_names), folder)
    if not means:
        raise UserError(none_of_folds(folder, folds, window_parts.folds(part_paths(folder), ScoreInfo)))
    indices = sorted(names)
    scores = np.zeros((len(means), len(indices)), np.float32)
    scores[:, np.searchsorted(indices, info.classes)] = list(means.values())
    return ClipScores(
        clip_ids=list(means),
        scores=scores,
        targets=np.array([np.isin(indices, of_clip) for of_clip in labels]),
        classes=indices,
        class_names={index: names[index] for index in indices},
    )
