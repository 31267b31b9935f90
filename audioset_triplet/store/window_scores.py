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
from audioset_triplet.clips import ClipInfo, add_class_names
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
    for path in part_paths(folder):
        for clip in _clip_means(path, folds):
            if clip.clip_id in means:
                raise UserError(f"{folder}: clip {clip.clip_id} is stored twice; empty the folder and score again.")
            means[clip.clip_id] = clip.scores
            labels.append(clip.labels)
            add_class_names(names, zip(clip.labels, clip.label_names), folder)
    if not means:
        of_folds = f" of fold {', '.join(map(str, folds))}" if folds else ""
        raise UserError(f"{folder}: holds no clip{of_folds}.")
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


class _ClipMean(NamedTuple):
    clip_id: str
    labels: Tuple[int, ...]
    label_names: Tuple[str, ...]
    scores: np.ndarray  # [C] float32


def _clip_means(path: str, folds: Sequence[int]) -> Iterator[_ClipMean]:
    """The clips of one part, whose windows a batch may cut in two."""
    held: Optional[_ClipMean] = None
    total = np.zeros(0)  # sum of its weighted scores, and of its weights, [C + 1]
    for batch in _part_batches(path, folds):
        starts = np.flatnonzero(np.concatenate([[True], batch.clip_ids[1:] != batch.clip_ids[:-1]]))
        weighted = np.column_stack([batch.scores, np.ones(len(batch.scores))]) * batch.weights[:, np.newaxis]
        for row, row_total in zip(starts, np.add.reduceat(weighted, starts, axis=0)):
            if held and held.clip_id == batch.clip_ids[row]:
                total = total + row_total
                continue
            if held:
                yield held._replace(scores=_mean(total))
            held = _ClipMean(batch.clip_ids[row], batch.labels[row], batch.label_names[row], total)
            total = row_total
    if held:
        yield held._replace(scores=_mean(total))


def _mean(total: np.ndarray) -> np.ndarray:
    return np.clip(total[:-1] / total[-1], 0, 1).astype(np.float32)  # rounding leaves the range
