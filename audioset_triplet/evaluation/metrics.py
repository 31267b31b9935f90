"""Metrics of rankings by scores: means over classes, with equal weight for each class.

Two different numbers are called d-prime in the literature: that of the mean AUC (PANNs), and the mean over classes of
that of each AUC (HEAR). Both are given, under their full names. A perfectly ranked class has an AUC of 1, whose d-prime
is infinite; as is usual in signal detection, d-prime takes an AUC to be at least half a pair away from 0 and from 1
(1 / 2PN with P positives and N negatives), so that means stay finite. The AUCs themselves are not changed.

Shapes: n clips, C classes, m items (clips, windows or rated pairs) of one class.
"""

import collections
import dataclasses
from typing import Dict, Iterable, List, Optional, Tuple, Union

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import ranking
from audioset_triplet.store.scores import ClipScores

THRESHOLD = 0.5  # at which a score says that its class is present

# The fields of ScoreMetrics in a table, in its order.
HEADLINE_NAMES = ("map", "auc", "d_prime_of_mean_auc", "mean_d_prime", "eer", "accuracy")


@dataclasses.dataclass(frozen=True)
class ClassMetrics:
    """How well scores rank the items of one class, which has positive and negative ones."""

    average_precision: float
    auc: float
    eer: float
    recall: float  # share of the positives whose score is at least `THRESHOLD`
    num_positives: int
    num_negatives: int

    @property
    def prior(self) -> float:
        """The share of positives."""
        return self.num_positives / (self.num_positives + self.num_negatives)

    @property
    def half_a_pair(self) -> float:
        """How far an AUC is taken to be from 0 and from 1."""
        return 1 / (2 * self.num_positives * self.num_negatives)

    @property
    def d_prime(self) -> float:
        """Of the AUC; finite."""
        return _finite_d_prime(self.auc, self.half_a_pair)


@dataclasses.dataclass(frozen=True)
class RankingMetrics:
    """Metrics of one set of scores; means are over the classes that have a positive and a negative item."""

    classes: Dict[int, ClassMetrics]
    classes_left_out: List[int]  # no positive or no negative item

    @property
    def map(self) -> float:
        """Mean average precision."""
        return _mean(self.class_average_precision.values())

    @property
    def auc(self) -> float:
        return _mean(self.class_auc.values())

    @property
    def d_prime_of_mean_auc(self) -> float:
        return _finite_d_prime(self.auc, _mean(one.half_a_pair for one in self.classes.values()))

    @property
    def mean_d_prime(self) -> float:
        return _mean(one.d_prime for one in self.classes.values())

    @property
    def eer(self) -> float:
        return _mean(one.eer for one in self.classes.values())

    @property
    def prior(self) -> float:
        """Mean share of positives: nearly the map of a random order."""
        return _mean(one.prior for one in self.classes.values())

    @property
    def prior_weighted_map(self) -> float:
        """The mean of the average precisions, each weighted by the prior of its class."""
        several = self.classes.values()
        return float(np.average([one.average_precision for one in several], weights=[one.prior for one in several]))

    @property
    def mean_recall(self) -> float:
        """Mean per-class accuracy: how much of each class is detected, with equal weight for each."""
        return _mean(one.recall for one in self.classes.values())

    @property
    def prior_weighted_recall(self) -> float:
        """How much of each class is detected, weighted by its prior."""
        several = self.classes.values()
        return float(np.average([one.recall for one in several], weights=[one.prior for one in several]))

    @property
    def class_average_precision(self) -> Dict[int, float]:
        return {label: one.average_precision for label, one in self.classes.items()}

    @property
    def class_auc(self) -> Dict[int, float]:
        return {label: one.auc for label, one in self.classes.items()}


@dataclasses.dataclass(frozen=True)
class ScoreMetrics(RankingMetrics):
    """Metrics of the scores of clips, whose labels are all known: what is no positive clip of a class is a negative."""

    accuracy: Optional[float]  # share of clips whose class has the highest score; None unless each has exactly one
    class_num_clips: Dict[int, int]
    num_clips: int


def measure(scores: ClipScores) -> ScoreMetrics:
    """The metrics of some scores.

    Raises:
        UserError: no class has both a positive and a negative clip.
    """
    targets = np.asarray(scores.targets, bool)
    columns = (
        (label, np.ascontiguousarray(scores.scores[:, column]), targets[:, column])
        for column, label in enumerate(scores.classes)
    )
    ranked = rank(columns, "clip")
    return ScoreMetrics(
        ranked.classes,
        ranked.classes_left_out,
        accuracy=_accuracy(scores.scores, targets),
        class_num_clips=dict(zip(scores.classes, targets.sum(axis=0).tolist())),
        num_clips=len(targets),
    )


def rank(columns: Iterable[Tuple[int, np.ndarray, np.ndarray]], item: str) -> RankingMetrics:
    """The metrics of some classes, each on items of its own.

    Args:
        columns: class index, scores [m], whether positive bool [m], of each class.
        item: what is ranked, for the error.

    Raises:
        UserError: no class has both a positive and a negative item.
    """
    classes, left_out = {}, []
    for label, scores, is_positive in columns:
        num_positives = int(is_positive.sum())
        num_negatives = len(is_positive) - num_positives
        if not num_positives or not num_negatives:
            left_out.append(label)
            continue
        ranked = ranking.rank(scores, is_positive)
        classes[label] = ClassMetrics(
            average_precision=ranked.average_precision(),
            auc=ranked.roc_auc(),
            eer=ranked.equal_error_rate(),
            recall=float(((scores >= THRESHOLD) & is_positive).sum() / num_positives),
            num_positives=num_positives,
            num_negatives=num_negatives,
        )
    if not classes:
        raise UserError(f"no class has both a positive and a negative {item}: there is nothing to rank.")
    return RankingMetrics(classes, left_out)


def class_titles(class_names: Dict[int, str]) -> Dict[int, str]:
    """Class index -> unique name: the index is added to a name that two classes share."""
    counts = collections.Counter(class_names.values())
    return {
        label: name if name and counts[name] == 1 else f"{name or 'class'} {label}"
        for label, name in class_names.items()
    }


def flat_numbers(metrics: RankingMetrics, titles: Dict[int, str], prefix: str) -> Dict[str, Union[int, float]]:
    """The numbers under flat keys: PREFIX/map, ..., PREFIX/class/NAME (average precision); accuracy if there is one."""
    values = {name: getattr(metrics, name, None) for name in HEADLINE_NAMES}
    numbers: Dict[str, Union[int, float]] = {
        f"{prefix}/{name}": value for name, value in values.items() if value is not None
    }
    numbers.update(flat_counts(metrics, prefix))
    for label, value in sorted(metrics.class_average_precision.items()):
        numbers[f"{prefix}/class/{titles[label]}"] = value
    return numbers


def flat_counts(metrics: RankingMetrics, prefix: str) -> Dict[str, Union[int, float]]:
    """The counts and the prior under flat keys; the number of clips where clips are ranked."""
    numbers: Dict[str, Union[int, float]] = {
        f"{prefix}/prior": metrics.prior,
        f"{prefix}/num_classes": len(metrics.classes),
        f"{prefix}/classes_left_out": len(metrics.classes_left_out),
    }
    return {**numbers, f"{prefix}/num_clips": metrics.num_clips} if isinstance(metrics, ScoreMetrics) else numbers


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
