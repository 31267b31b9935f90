"""Refinement of weak labels: which windows of a clip its labels belong to, by the scores of a classifier.

The talk on AudioSet ("Real-world Audio Event Classification", Saurous et al., 2017-10-20, label refinement of training
data): of a clip S with label L, the score of each window is divided by the largest in the clip,
n_i = P(L | x_i) / max over x in S of P(L | x), and windows below a threshold do not keep the label. That needs L to be
the most prevalent sound of the clips that have it, relative to all clips. A classifier that learns from what is kept
can be refined again.

Where scores say nothing the label stays at every window, with n_i = 1: the model does not know the class, or gives it
the score 0 at all windows of the clip. Both are counted.

Shapes: W windows of a clip, L labels of a clip, C classes.
"""

import dataclasses
import heapq
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Set, Tuple

import numpy as np

import audioset_triplet
from audioset_triplet.clips import add_class_names, digest, none_of_folds
from audioset_triplet.errors import UserError
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.store import frame_labels, window_parts, window_scores
from audioset_triplet.store.frame_labels import FrameLabelBatch, FrameLabelInfo
from audioset_triplet.store.window_scores import ClipWindows, ScoreInfo

_EXAMPLES_OF_CLASS = 2  # that are remembered, so that they show more than one class


@dataclasses.dataclass
class ClassCount:
    """What is kept of one class."""

    name: str
    clips: int = 0
    windows: int = 0  # of these clips
    kept_windows: int = 0

    @property
    def kept_share(self) -> float:
        return self.kept_windows / self.windows


class Example(NamedTuple):
    """A label of a clip, before and after."""

    clip_id: str
    label: int
    window_start_seconds: np.ndarray  # [W]
    scores: np.ndarray  # [W], divided by the largest
    is_kept: np.ndarray  # [W] bool

    @property
    def change(self) -> Tuple[float, float]:
        """Share of windows that lost the label; of equal ones, how far the scores are below the largest."""
        return float(1 - self.is_kept.mean()), float(1 - self.scores.mean())


@dataclasses.dataclass
class Refinement:
    """What a refinement kept."""

    info: FrameLabelInfo
    path: str  # of the frame labels
    classes: Dict[int, ClassCount] = dataclasses.field(default_factory=dict)
    clip_ids: List[str] = dataclasses.field(default_factory=list)  # with a label
    num_without_label: int = 0  # clips, which have no rows
    num_windows: int = 0  # of clips with a label
    num_empty_windows: int = 0  # that keep no label
    num_unknown: int = 0  # labels of clips whose class the model does not know
    num_zero: int = 0  # labels of clips whose scores are all 0
    examples: List[Example] = dataclasses.field(default_factory=list)  # those that change most, the first the most

    @property
    def kept_share(self) -> float:
        """Of all windows and labels of their clips."""
        counts = self.classes.values()
        return sum(one.kept_windows for one in counts) / sum(one.windows for one in counts)

    def numbers(self, titles: Mapping[int, str]) -> Dict[str, float]:
        """The numbers under flat keys, as for results.json; `titles` are unique names of the classes."""
        numbers: Dict[str, float] = {
            "refinement/clips": len(self.clip_ids),
            "refinement/clips_without_label": self.num_without_label,
            "refinement/windows": self.num_windows,
            "refinement/windows_without_label": self.num_empty_windows,
            "refinement/kept_share": self.kept_share,
            "refinement/labels_unknown_to_model": self.num_unknown,
            "refinement/labels_with_scores_of_0": self.num_zero,
        }
        for label, count in self.classes.items():
            of_class = f"refinement/class/{titles[label]}"
            numbers[f"{of_class}/clips"] = count.clips
            numbers[f"{of_class}/windows"] = count.windows
            numbers[f"{of_class}/kept_windows"] = count.kept_windows
            numbers[f"{of_class}/kept_share"] = count.kept_share
        return numbers

    def about(self) -> Dict[str, Any]:
        """What the numbers belong to, for results.json."""
        about = dataclasses.asdict(self.info)
        del about["code_version"]  # results.write adds it
        return {**about, "clips_digest": digest(self.clip_ids), "frame_labels_digest": frame_labels.digest(self.path)}


def normalized(scores: np.ndarray) -> np.ndarray:
    """The scores of the windows of a clip divided by the largest of each label: [W, L] in [0, 1] -> float32 [W, L].

    1 at all windows of a label whose scores are all 0.
    """
    largest = scores.max(axis=0)
    return np.where(largest > 0, scores / np.where(largest > 0, largest, 1), 1).astype(np.float32)


def refine(folder: str, folds: Sequence[int], threshold: float, output: str, num_examples: int = 12) -> Refinement:
    """Refines the labels of all clips of a folder of window scores, with a progress bar.

    Args:
        folder: what `experiments.embed --what=scores` wrote.
        folds: only clips of these folds; empty: all.
        threshold: from 0 (every window keeps every label) to 1 (the windows with the largest score do).
        output: the folder, which exists, for the frame labels (`frame_labels.path_in`).
        num_examples: how many of the labels that change most the result has, of several classes.

    Raises:
        UserError: what `window_scores.read_batches` raises; no clip, or none with a label; a clip that is stored
            twice; a class with two names.
    """
    scored = window_scores.read_info(folder)
    info = FrameLabelInfo(
        model_id=scored.model_id,
        front_end_id=scored.front_end_id,
        threshold=threshold,
        window_seconds=scored.window_seconds,
        hop_seconds=scored.hop_seconds,
        code_version=audioset_triplet.__version__,
    )
    columns = {label: column for column, label in enumerate(scored.classes)}
    names = dict(zip(scored.classes, scored.class_names))
    result, changes = Refinement(info, frame_labels.path_in(output)), _Changes()
    seen: Set[str] = set()
    with frame_labels.writing(result.path, info) as writer:
        clips = window_scores.read_clips(folder, folds)
        for windows in progress_bar(clips, "refining", "clips", leave=False):
            clip = windows.clip
            if clip.clip_id in seen:
                raise UserError(f"{folder}: clip {clip.clip_id} is stored twice; empty the folder and score again.")
            seen.add(clip.clip_id)
            add_class_names(names, zip(clip.labels, clip.label_names), folder)
            if not clip.labels:
                result.num_without_label += 1
                continue
            refined = refine_clip(windows, columns, threshold)
            _count(refined, names, result)
            changes.add(refined)
            writer.write(_rows(refined, names))
        if not result.clip_ids:
            if not seen:
                stored = window_parts.folds(window_scores.part_paths(folder), ScoreInfo)
                raise UserError(none_of_folds(folder, folds, stored))
            raise UserError(f"{folder}: none of its clips has a label; labels are those of the records.")
    result.classes = dict(sorted(result.classes.items()))
    result.examples = changes.largest(num_examples)
    return result


class RefinedClip(NamedTuple):
    """The windows of a clip for each of its labels."""

    clip_id: str
    labels: List[int]  # [L], ascending, each once
    window_start_seconds: np.ndarray  # [W]
    scores: np.ndarray  # [W, L] float32, divided by the largest of each label
    is_kept: np.ndarray  # [W, L] bool
    is_unknown: np.ndarray  # [L] bool: the model does not know the class
    is_zero: np.ndarray  # [L] bool: the model gives 0 to all windows


def refine_clip(windows: ClipWindows, columns: Mapping[int, int], threshold: float) -> RefinedClip:
    """Refines a clip.

    Args:
        windows: of a clip with at least one label.
        columns: class index -> column of the scores.
        threshold: from 0 to 1.
    """
    labels = sorted(set(windows.clip.labels))
    is_unknown = np.array([label not in columns for label in labels])
    of_labels = np.where(is_unknown, 0, windows.scores[:, [columns.get(label, 0) for label in labels]])
    scores = normalized(of_labels)
    return RefinedClip(
        clip_id=windows.clip.clip_id,
        labels=labels,
        window_start_seconds=windows.window_start_seconds,
        scores=scores,
        is_kept=scores >= np.float32(threshold),
        is_unknown=is_unknown,
        is_zero=~is_unknown & ~of_labels.any(axis=0),
    )


def _count(refined: RefinedClip, names: Mapping[int, str], result: Refinement) -> None:
    num_windows = len(refined.window_start_seconds)
    result.clip_ids.append(refined.clip_id)
    result.num_windows += num_windows
    result.num_empty_windows += int((~refined.is_kept.any(axis=1)).sum())
    result.num_unknown += int(refined.is_unknown.sum())
    result.num_zero += int(refined.is_zero.sum())
    for label, num_kept in zip(refined.labels, refined.is_kept.sum(axis=0).tolist()):
        count = result.classes.setdefault(label, ClassCount(names[label]))
        count.clips += 1
        count.windows += num_windows
        count.kept_windows += num_kept


def _rows(refined: RefinedClip, names: Mapping[int, str]) -> FrameLabelBatch:
    num_windows, num_labels = refined.scores.shape
    return FrameLabelBatch(
        clip_ids=[refined.clip_id],
        clip_rows=np.zeros(num_windows * num_labels, np.int64),
        window_start_seconds=np.repeat(refined.window_start_seconds, num_labels),
        labels=np.tile(refined.labels, num_windows),
        scores=refined.scores.ravel(),
        is_kept=refined.is_kept.ravel(),
        class_names={label: names[label] for label in refined.labels},
    )


class _Changes:
    """The labels of clips that change most, a few of each class."""

    def __init__(self) -> None:
        self._of_class: Dict[int, List[Tuple[Tuple[float, float], str, Example]]] = {}

    def add(self, refined: RefinedClip) -> None:
        for label, scores, is_kept in zip(refined.labels, refined.scores.T, refined.is_kept.T):
            example = Example(refined.clip_id, label, refined.window_start_seconds, scores, is_kept)
            heap = self._of_class.setdefault(label, [])
            heapq.heappush(heap, (example.change, refined.clip_id, example))
            if len(heap) > _EXAMPLES_OF_CLASS:
                heapq.heappop(heap)

    def largest(self, count: int) -> List[Example]:
        """The examples that change at all, the largest change first."""
        ranked = sorted((one for heap in self._of_class.values() for one in heap), key=lambda one: one[:2])
        return [example for *_, example in reversed(ranked) if not example.is_kept.all()][:count]
