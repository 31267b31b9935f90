"""Classification with few labelled clips per class.

Jansen et al. 2018, section 4 (and the slides): 20 labelled clips per class drawn at random, 0.5% of the data; three
trials. The head and the metrics are those of `classification`.

A drawn clip shows all of its labels, whichever class it was drawn for: in a data set with several labels per clip,
common classes get more than n labelled clips. A class with fewer than n clips gives all that it has.
"""

import dataclasses
import hashlib
from typing import Dict, List, Sequence, Tuple, Union

import numpy as np

from audioset_triplet.config.evaluation import SemiSupervisedConfig
from audioset_triplet.evaluation import metrics
from audioset_triplet.evaluation.metrics import ScoreMetrics
from audioset_triplet.evaluation.splits import Split


@dataclasses.dataclass(frozen=True)
class SemiSupervisedResult:
    """The metrics for each number of labelled clips per class, ascending."""

    trials: Dict[int, List[ScoreMetrics]]  # of each trial
    short_classes: Dict[int, List[int]]  # classes with fewer usable training clips than that
    num_labelled: Dict[int, int]  # labelled clips of all classes together, in the first trial

    @property
    def counts(self) -> List[int]:
        """The numbers of labelled clips per class, ascending."""
        return sorted(self.trials)

    def mean_and_std(self, count: int, name: str) -> Tuple[float, float]:
        """Of a field of the metrics over the trials with `count` labelled clips per class.

        The standard deviation has n - 1 in the denominator; it is 0 for one trial.
        """
        return mean_and_std(self.trials[count], name)


def evaluate(config: SemiSupervisedConfig, split: Split) -> SemiSupervisedResult:
    """Trains and measures a classifier for each number of labelled clips and each trial.

    Raises:
        UserError: what `metrics.measure` raises.
    """
    from audioset_triplet.evaluation import classification  # here: TensorFlow takes seconds to load

    counts = sorted(set(config.labels_per_class))
    trials: Dict[int, List[ScoreMetrics]] = {count: [] for count in counts}
    num_labelled: Dict[int, int] = {}
    for trial in range(config.trials):
        ranked = ranked_clips(split, config.seed, trial)
        for count in counts:
            shown = labelled(split, ranked, count)
            num_labelled.setdefault(count, int(shown.sum()))
            scores = classification.clip_scores(split, shown, config.head, config.seed + trial)
            trials[count].append(metrics.measure(scores))
    return SemiSupervisedResult(trials, {count: short_classes(split, count) for count in counts}, num_labelled)


def ranked_clips(split: Split, seed: int, trial: int) -> Dict[int, List[int]]:
    """Class index -> the rows of its usable training clips, in the order in which they get labels.

    The order is that of a digest of seed, trial, class and clip id: it does not depend on other clips or on the order
    on disk, and a larger draw contains every smaller one.
    """
    members: Dict[int, List[int]] = {}
    for row in np.flatnonzero(split.usable):
        for label in set(split.train.labels[row]):
            members.setdefault(label, []).append(int(row))

    def rank(label: int, row: int) -> bytes:
        text = f"{seed}/{trial}/{label}/{split.train.clip_ids[row]}"
        return hashlib.blake2b(text.encode(), digest_size=16).digest()

    return {label: sorted(rows, key=lambda row: rank(label, row)) for label, rows in sorted(members.items())}


def labelled(split: Split, ranked: Dict[int, List[int]], labels_per_class: int) -> np.ndarray:
    """[n] bool: the training clips whose labels are shown when each class gives this many, or all that it has."""
    shown = np.zeros(len(split.train.clip_ids), bool)
    for rows in ranked.values():
        shown[rows[:labels_per_class]] = True
    return shown


def short_classes(split: Split, labels_per_class: int) -> List[int]:
    """The classes with fewer usable training clips than that, ascending."""
    sizes = dict.fromkeys(split.classes, 0)
    for row in np.flatnonzero(split.usable):
        for label in set(split.train.labels[row]):
            sizes[label] += 1
    return [label for label, size in sizes.items() if size < labels_per_class]


def mean_and_std(measured: Sequence[ScoreMetrics], name: str) -> Tuple[float, float]:
    """Of one field of the metrics over trials; n - 1 in the denominator, 0 for one trial."""
    values = [getattr(one, name) for one in measured]
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def flat_numbers(result: SemiSupervisedResult, prefix: str) -> Dict[str, Union[int, float]]:
    """Means over trials under flat keys, PREFIX/N/map, PREFIX/N/map_std, ...; accuracy if there is one."""
    numbers: Dict[str, Union[int, float]] = {}
    for count, trials in result.trials.items():
        for name in metrics.HEADLINE_NAMES:
            if getattr(trials[0], name) is not None:
                mean, std = mean_and_std(trials, name)
                numbers[f"{prefix}/{count}/{name}"], numbers[f"{prefix}/{count}/{name}_std"] = mean, std
        numbers[f"{prefix}/{count}/trials"] = len(trials)
    first = result.trials[result.counts[0]][0]
    return {**numbers, **metrics.flat_counts(first, prefix)}
