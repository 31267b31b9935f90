"""The scores of a classifier under several protocols side by side: which items a class ranks, and what is positive.

    scores   clips, by the labels of the records: a clip without the label is a negative
    ratings  rated pairs: explicit negatives (`rated_pairs`)
    strong   windows, by strong labels: frame-level average precision (`strong_windows`)

There are two views of each. Balanced means have equal weight for each class, those weighted by prior weigh a class by
its share of the items: a balanced and a naturally skewed set of clips give different answers (Moore et al. 2023,
"Dataset balancing can hurt model performance"). Of the first there is the calibration too.

Shapes: n clips, C classes.
"""

import dataclasses
import os
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from audioset_triplet import labels
from audioset_triplet.config.evaluation import ScoresConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import calibration, metrics, rated_pairs, strong_windows
from audioset_triplet.evaluation.annotated import Annotated, AnnotatedMetrics
from audioset_triplet.evaluation.calibration import Bin
from audioset_triplet.evaluation.metrics import RankingMetrics, ScoreMetrics
from audioset_triplet.store import ratings, scores, strong_labels, window_scores
from audioset_triplet.store.intervals import Intervals
from audioset_triplet.store.ratings import RatedPairs
from audioset_triplet.store.scores import ClipScores

VIEW_NAMES = ("prior_weighted_map", "mean_recall", "prior_weighted_recall")  # of RankingMetrics
CALIBRATION_NAMES = ("calibration_error", "mean_class_calibration_error")  # of ClipProtocol


@dataclasses.dataclass(frozen=True)
class Annotations:
    """What scores are measured against besides the labels of their clips."""

    rated: Optional[Annotated[RatedPairs]]
    strong: Optional[Annotated[Intervals]]


@dataclasses.dataclass(frozen=True)
class ClipProtocol:
    """The usual protocol. All numbers are over the classes that `ranked` measures."""

    ranked: ScoreMetrics
    class_mean_score: Dict[int, float]  # over all clips: of a calibrated classifier the prior
    class_calibration_error: Dict[int, float]
    bins: List[Bin]  # of all pairs of a clip and a class
    unknown: List[int]  # classes of `ranked` whose score is 0 for every clip: the classifier has not learned them

    @property
    def calibration_error(self) -> float:
        """Of all pairs of a clip and a class together."""
        return calibration.error(self.bins)

    @property
    def mean_class_calibration_error(self) -> float:
        return float(np.mean(list(self.class_calibration_error.values())))


@dataclasses.dataclass(frozen=True)
class ProtocolResult:
    """The scores of one classifier under each protocol that there is something for."""

    clips: Optional[ClipProtocol]  # None: no clip has a label
    rated: Optional[AnnotatedMetrics]
    strong: Optional[AnnotatedMetrics]

    def by_name(self) -> Dict[str, RankingMetrics]:
        """Protocol -> its metrics."""
        measured = {
            "scores": self.clips and self.clips.ranked,
            "ratings": self.rated and self.rated.ranked,
            "strong": self.strong and self.strong.ranked,
        }
        return {name: ranked for name, ranked in measured.items() if ranked}


def read_annotations(config: ScoresConfig) -> Annotations:
    """The files of annotations that a config names.

    Raises:
        UserError: what `ratings.read`, `strong_labels.read` and `labels.read_vocabulary` raise.
    """
    vocabulary = labels.read_vocabulary(config.class_labels) if config.class_labels else None
    rated, strong = None, None
    if config.ratings:
        rated = Annotated(config.ratings, ratings.decide(ratings.read(config.ratings)), vocabulary)
    if config.strong_labels:
        strong = Annotated(config.strong_labels, strong_labels.read(config.strong_labels), vocabulary)
    return Annotations(rated, strong)


def read_clip_scores(path: str, folds: Sequence[int]) -> ClipScores:
    """The scores of clips, of a folder of window scores, or of a scores.parquet of experiments.score.

    Raises:
        UserError: what `window_scores.clip_scores` and `scores.read` raise; folds of clips that have none.
    """
    if not os.path.isfile(path):
        return window_scores.clip_scores(path, folds)
    if folds:
        raise UserError(f"{path}: has no folds: leave out --folds, or give the folder of embed --what=scores.")
    return scores.read(path)


def model_id(path: str) -> str:
    """The model of a folder of window scores; of a scores.parquet, which names none, its path."""
    return path if os.path.isfile(path) else window_scores.read_info(path).model_id


def evaluate(path: str, folds: Sequence[int], clip_scores: ClipScores, annotations: Annotations) -> ProtocolResult:
    """Measures the scores of one classifier.

    Args:
        path: of the scores.
        folds: of the evaluated clips; empty: all.
        clip_scores: of these clips (`read_clip_scores`).
        annotations: besides the labels of the clips.

    Raises:
        UserError: scores of clips where annotations need those of windows; nothing to measure; what
            `rated_pairs.evaluate` and `strong_windows.evaluate` raise.
    """
    rated, strong = annotations.rated, annotations.strong
    if (rated or strong) and os.path.isfile(path):
        raise UserError(
            f"{path}: has the scores of clips, and --ratings and --strong_labels need those of windows: give the "
            "folder of experiments.embed --what=scores."
        )
    is_labelled = bool(clip_scores.targets.any())
    if not (is_labelled or rated or strong):
        raise UserError(f"{path}: no clip has a label: give --ratings or --strong_labels to measure the scores.")
    return ProtocolResult(
        clips=measure_clips(clip_scores) if is_labelled else None,
        rated=rated_pairs.evaluate(path, folds, rated) if rated else None,
        strong=strong_windows.evaluate(path, folds, strong) if strong else None,
    )


def measure_clips(clip_scores: ClipScores) -> ClipProtocol:
    """The usual protocol; raises what `metrics.measure` raises."""
    ranked = metrics.measure(clip_scores)
    columns = np.searchsorted(clip_scores.classes, list(ranked.classes))
    predicted, targets = clip_scores.scores[:, columns], clip_scores.targets[:, columns]
    errors = [calibration.error(calibration.reliability(*column)) for column in zip(predicted.T, targets.T)]
    return ClipProtocol(
        ranked=ranked,
        class_mean_score=dict(zip(ranked.classes, predicted.mean(axis=0, dtype=np.float64).tolist())),
        class_calibration_error=dict(zip(ranked.classes, errors)),
        bins=calibration.reliability(predicted.ravel(), targets.ravel()),
        unknown=[label for label, known in zip(ranked.classes, predicted.any(axis=0)) if not known],
    )


def flat_numbers(result: ProtocolResult, titles: Dict[int, str], name: str = "") -> Dict[str, Any]:
    """The numbers under flat keys: scores/map, ratings/map, strong/map, …; with a name scores/NAME/map."""
    prefixes = {protocol: f"{protocol}/{name}" if name else protocol for protocol in ("scores", "ratings", "strong")}
    numbers: Dict[str, Any] = {}
    for protocol, ranked in result.by_name().items():
        numbers.update(metrics.flat_numbers(ranked, titles, prefixes[protocol]))
        numbers.update({f"{prefixes[protocol]}/{view}": getattr(ranked, view) for view in VIEW_NAMES})
    if result.clips:
        prefix = prefixes["scores"]
        numbers[f"{prefix}/classes_unknown"] = len(result.clips.unknown)
        numbers.update({f"{prefix}/{name}": getattr(result.clips, name) for name in CALIBRATION_NAMES})
    for protocol, annotated in (("ratings", result.rated), ("strong", result.strong)):
        if annotated:
            counts = {
                **annotated.counts,
                "classes_of_file": len(annotated.labels),
                "classes_lost": len(annotated.labels.lost),
            }
            numbers.update({f"{prefixes[protocol]}/{key}": value for key, value in counts.items()})
    return numbers
