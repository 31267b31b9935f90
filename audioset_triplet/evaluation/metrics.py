"""Metrics of the scores of clips: means over classes, with equal weight for each class.

Two different numbers are called d-prime in the literature: that of the mean AUC (PANNs), and the mean over classes of
that of each AUC (HEAR). Both are given, under their full names. A perfectly ranked class has an AUC of 1, whose d-prime
is infinite; as is usual in signal detection, d-prime takes an AUC to be at least half a pair away from 0 and from 1
(1 / 2PN with P positives and N negatives), so that means stay finite. The AUCs themselves are not changed.

Shapes: n clips, C classes.
"""

import collections
import dataclasses
from typing import Dict, Iterable, List, Optional, Union

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import ranking
from audioset_triplet.store.scores import ClipScores

# The fields of ScoreMetrics in a table, in its order.
HEADLINE_NAMES = ("map", "auc", "d_prime_of_mean_auc", "mean_d_prime", "eer", "accuracy")


@dataclasses.dataclass(frozen=True)
class ScoreMetrics:
    """Metrics of one set of scores; means are over the classes that have a positive and a negative clip."""

    map: float  # mean average precision
    auc: float
    d_prime_of_mean_auc: float
    mean_d_prime: float
    eer: float
    accuracy: Optional[float]  # share of clips whose class has the highest score; None unless each has exactly one
    prior: float  # mean share of positives: nearly the map of a random order
    class_average_precision: Dict[int, float]
    class_auc: Dict[int, float]
    class_num_clips: Dict[int, int]
    classes_left_out: List[int]  # no positive or no negative among the clips
    num_clips: int


def measure(scores: ClipScores) -> ScoreMetrics:
    """The metrics of some scores.

    Raises:
        UserError: no class has both a positive and a negative clip.
    """
    targets = np.asarray(scores.targets, bool)
    num_clips = len(targets)
    num_positives = targets.sum(axis=0)
    average_precisions, aucs, limits, error_rates, left_out = {}, {}, [], [], []
    for column, label in enumerate(scores.classes):
        num_pairs = int(num_positives[column]) * (num_clips - int(num_positives[column]))
        if not num_pairs:
            left_out.append(label)
            continue
        ranked, relevant = np.ascontiguousarray(scores.scores[:, column]), targets[:, column]
        average_precisions[label] = ranking.average_precision(ranked, relevant)
        aucs[label] = ranking.roc_auc(ranked, relevant)
        error_rates.append(ranking.equal_error_rate(ranked, relevant))
        limits.append(1 / (2 * num_pairs))
    if not aucs:
        raise UserError("no class has both a positive and a negative clip: there is nothing to rank.")
    class_num_clips = dict(zip(scores.classes, num_positives.tolist()))
    return ScoreMetrics(
        map=_mean(average_precisions.values()),
        auc=_mean(aucs.values()),
        d_prime_of_mean_auc=_finite_d_prime(_mean(aucs.values()), _mean(limits)),
        mean_d_prime=_mean([_finite_d_prime(auc, limit) for auc, limit in zip(aucs.values(), limits)]),
        eer=_mean(error_rates),
        accuracy=_accuracy(scores.scores, targets),
        prior=_mean([class_num_clips[label] / num_clips for label in aucs]),
        class_average_precision=average_precisions,
        class_auc=aucs,
        class_num_clips=class_num_clips,
        classes_left_out=left_out,
        num_clips=num_clips,
    )


def class_titles(class_names: Dict[int, str]) -> Dict[int, str]:
    """Class index -> unique name: the index is added to a name that two classes share."""
    counts = collections.Counter(class_names.values())
    return {
        label: name if name and counts[name] == 1 else f"{name or 'class'} {label}"
        for label, name in class_names.items()
    }


def flat_numbers(metrics: ScoreMetrics, titles: Dict[int, str], prefix: str) -> Dict[str, Union[int, float]]:
    """The numbers under flat keys: PREFIX/map, ..., PREFIX/class/NAME (average precision); accuracy if there is one."""
    numbers: Dict[str, Union[int, float]] = {
        f"{prefix}/{name}": getattr(metrics, name) for name in HEADLINE_NAMES if getattr(metrics, name) is not None
    }
    numbers.update(flat_counts(metrics, prefix))
    for label, value in sorted(metrics.class_average_precision.items()):
        numbers[f"{prefix}/class/{titles[label]}"] = value
    return numbers


def flat_counts(metrics: ScoreMetrics, prefix: str) -> Dict[str, Union[int, float]]:
    """The counts and the prior under flat keys."""
    return {
        f"{prefix}/prior": metrics.prior,
        f"{prefix}/num_classes": len(metrics.class_auc),
        f"{prefix}/classes_left_out": len(metrics.classes_left_out),
        f"{prefix}/num_clips": metrics.num_clips,
    }


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _finite_d_prime(auc: float, limit: float) -> float:
    return ranking.d_prime(min(max(auc, limit), 1 - limit))


def _accuracy(scores: np.ndarray, targets: np.ndarray) -> Optional[float]:
    """A tie of several classes for the highest score counts in parts."""
    if not (targets.sum(axis=1) == 1).all():
        return None
    highest = scores == scores.max(axis=1, keepdims=True)
    return float(np.mean((highest & targets).sum(axis=1) / highest.sum(axis=1)))
