"""Classification with few labels: the embedding has seen everything, the classifier some labelled clips per class.

Jansen et al. 2018, section 4 (and the slides): 20 labelled clips per class drawn at random, 0.5% of the data; three
trials. The head and the measurement are those of `classification`; only fewer clips have their labels shown.

A drawn clip shows all of its labels, whichever class it was drawn for: of a data set with several labels per clip,
common classes therefore come to more than n labelled clips. A class with fewer than n clips gives all that it has.
"""

import hashlib
from typing import Dict, List, Sequence, Tuple, Union

import numpy as np

from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.evaluation import classification, metrics, splits
from audioset_triplet.evaluation.metrics import ScoreMetrics
from audioset_triplet.evaluation.splits import Split

LABELS_PER_CLASS = (1, 5, 10, 20)
TRIALS = 3


def evaluate(
    train_folder: str,
    train_folds: Sequence[int],
    eval_folder: str,
    eval_folds: Sequence[int],
    head: HeadConfig,
    labels_per_class: Sequence[int] = LABELS_PER_CLASS,
    trials: int = TRIALS,
    seed: int = 0,
) -> Dict[int, List[ScoreMetrics]]:
    """For each number of labelled clips per class, the metrics of each trial.

    Raises:
        UserError: what `splits.read_split` and `metrics.measure` raise.
    """
    split = splits.read_split(train_folder, train_folds, eval_folder, eval_folds)
    return evaluate_split(split, head, labels_per_class, trials, seed)


def evaluate_split(
    split: Split, head: HeadConfig, labels_per_class: Sequence[int], trials: int, seed: int
) -> Dict[int, List[ScoreMetrics]]:
    """The same on clips that are known already."""
    measured: Dict[int, List[ScoreMetrics]] = {count: [] for count in sorted(set(labels_per_class))}
    for trial in range(trials):
        ranked = ranked_clips(split, seed, trial)
        for count, results in measured.items():
            scores = classification.clip_scores(split, labelled(split, ranked, count), head, seed + trial)
            results.append(metrics.measure(scores))
    return measured


def ranked_clips(split: Split, seed: int, trial: int) -> Dict[int, List[int]]:
    """Class index -> the rows of its usable training clips, in the order in which they get labels.

    By a digest of seed, trial, class and clip id: a clip's place among the clips of its class does not depend on what
    else there is or on how it is stored, and the clips that are drawn first are part of every larger draw.
    """
    members: Dict[int, List[int]] = {}
    for row in np.flatnonzero(split.usable):
        for label in set(split.train.labels[row]):
            members.setdefault(label, []).append(int(row))

    def place(label: int, row: int) -> bytes:
        text = f"{seed}/{trial}/{label}/{split.train.clip_ids[row]}"
        return hashlib.blake2b(text.encode(), digest_size=16).digest()

    return {label: sorted(rows, key=lambda row: place(label, row)) for label, rows in sorted(members.items())}


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
    """Of one field of the metrics over trials; the standard deviation has n - 1 below it, and is 0 for one trial."""
    values = [getattr(one, name) for one in measured]
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def flat_numbers(measured: Dict[int, List[ScoreMetrics]], prefix: str) -> Dict[str, Union[int, float]]:
    """Means over trials under flat keys, PREFIX/N/map, PREFIX/N/map_std, ...; accuracy if there is one."""
    numbers: Dict[str, Union[int, float]] = {}
    for count, trials in measured.items():
        for name in metrics.HEADLINE_NAMES:
            if getattr(trials[0], name) is not None:
                mean, std = mean_and_std(trials, name)
                numbers[f"{prefix}/{count}/{name}"], numbers[f"{prefix}/{count}/{name}_std"] = mean, std
        numbers[f"{prefix}/{count}/trials"] = len(trials)
    first = next(iter(measured.values()))[0]
    return {**numbers, **metrics.flat_counts(first, prefix)}
