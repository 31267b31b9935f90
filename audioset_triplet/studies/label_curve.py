"""How many labels does it take? mAP against the number of clips that somebody is asked about.

Evaluation 3 of Jansen et al. 2020: of N labels, random choice takes N clips by lot and learns from these; a choice by
clusters asks about one clip of each of the N biggest clusters and learns from all of their clips, which get its labels,
right or wrong. The classifier, its rule of how long to train (`HeadConfig`) and the evaluated clips are the same.

A choice by clusters has one clustering, or several of different sizes: then each N takes the one with the fewest
clusters that has N of them. Where there is none, there is no point.

Shapes: n training clips.
"""

import dataclasses
from typing import Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import metrics
from audioset_triplet.evaluation.splits import Split
from audioset_triplet.labelling import selection
from audioset_triplet.labelling.clip_clusters import Clusters

RANDOM = "random"
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # of what random choice has with its largest budget
_FEWEST = 10  # labels, of the default budgets


@dataclasses.dataclass(frozen=True)
class Cell:
    """One classifier."""

    selection: str  # RANDOM, or the name of clusterings
    budget: int  # clips that are asked about
    trial: int


@dataclasses.dataclass(frozen=True)
class Result:
    """What one cell gave."""

    map: float
    accuracy: Optional[float]
    labelled_clips: int  # that were learned from: those asked about, and those that got their labels
    right: float  # share of these whose labels are their true ones
    num_clusters: int  # that have a training clip, of the clustering; 0: random choice


class Choices:
    """Which clips are learned from, with which labels.

    Args:
        split: the clips of both sides. Its training clips that are usable are those that can be asked about, and their
            stored labels are the answers.
        clusterings: name -> its clusterings, which have to hold all of these clips.
        member: which clip of a cluster is asked about, see `choice.representative`.
        asked_weight: what that clip counts in training, beside those that get its labels.
        seed: of all draws.

    Raises:
        UserError: a clustering of other embeddings, or one that lacks a clip.
    """

    def __init__(
        self,
        split: Split,
        clusterings: Mapping[str, Sequence[Clusters]],
        member: str,
        asked_weight: float,
        seed: int,
    ) -> None:
        self._split, self._member, self._asked_weight, self._seed = split, member, asked_weight, seed
        self._rows = np.flatnonzero(split.usable)
        ids = [split.train.clip_ids[row] for row in self._rows]
        self._clusterings: Dict[str, List[Clusters]] = {}
        for name, several in clusterings.items():
            for one in several:
                if one.model_id != split.train.model_id:
                    raise UserError(
                        f"{one.folder}: clusters embeddings of {one.model_id}, not of {split.train.model_id}; cluster "
                        "those that are learned from."
                    )
            restricted = [one.at(one.rows_of(ids)) for one in several]
            self._clusterings[name] = sorted(restricted, key=lambda one: one.num_used)

    @property
    def num_clips(self) -> int:
        """How many clips can be asked about."""
        return len(self._rows)

    def clustering(self, name: str, budget: int) -> Optional[Clusters]:
        """The clustering that a choice takes for a budget, of the clips that can be asked about."""
        return next((one for one in self._clusterings[name] if one.num_used >= budget), None)

    def cells(self, budgets: Sequence[int], trials: int) -> List[Cell]:
        """All of them, trial by trial: a curve that is stopped has the same trials of all choices."""
        return [
            Cell(name, budget, trial)
            for trial in range(trials)
            for budget in budgets
            for name in (RANDOM, *self._clusterings)
            if name == RANDOM or self.clustering(name, budget) is not None
        ]

    def labels(self, cell: Cell) -> Tuple[List[Tuple[int, ...]], np.ndarray, int]:
        """[n] the labels that are learned from, empty where a clip has none; which clips are asked about, bool [n]; and
        the number of clusters."""
        train = self._split.train
        shown: List[Tuple[int, ...]] = [()] * len(train.clip_ids)
        is_asked = np.zeros(len(shown), bool)
        draw = f"{self._seed}/{cell.trial}"
        if cell.selection == RANDOM:
            for row in selection.random_rows(self._rows, train.clip_ids, f"{draw}/{RANDOM}", cell.budget):
                shown[row], is_asked[row] = train.labels[row], True
            return shown, is_asked, 0
        clusters = self.clustering(cell.selection, cell.budget)
        assert clusters is not None, cell
        probabilities = clusters.probabilities if self._member == "probable" else None
        for members in selection.largest_clusters(clusters.numbers, cell.budget):
            asked = selection.representative(members, clusters.clip_ids, draw, probabilities)
            is_asked[self._rows[asked]] = True
            for place in members:
                shown[self._rows[place]] = train.labels[self._rows[asked]]
        return shown, is_asked, clusters.num_used

    def measure(self, cell: Cell, head: HeadConfig) -> Result:
        """Trains the classifier of a cell and measures it on the evaluated clips."""
        from audioset_triplet.evaluation import classification  # here: TensorFlow takes seconds to load

        train = self._split.train
        shown, is_asked, num_clusters = self.labels(cell)
        labelled = np.array([len(labels) > 0 for labels in shown])
        split = dataclasses.replace(
            self._split,
            train=dataclasses.replace(train, labels=shown),
            usable=labelled,
            weights=np.where(is_asked, self._asked_weight, 1.0).astype(np.float32),
        )
        measured = metrics.measure(classification.clip_scores(split, labelled, head, self._seed + cell.trial))
        right = [set(shown[row]) == set(train.labels[row]) for row in np.flatnonzero(labelled)]
        return Result(measured.map, measured.accuracy, int(labelled.sum()), float(np.mean(right)), num_clusters)


def default_budgets(num_clips: int) -> List[int]:
    """All clips, half of them, a quarter, ..., ascending."""
    found = [num_clips]
    while found[-1] // 2 >= _FEWEST:
        found.append(found[-1] // 2)
    return found[::-1]


@dataclasses.dataclass(frozen=True)
class Point:
    """One choice with one number of labels: means over its trials, and standard deviations with n - 1 below them."""

    budget: int
    map: float
    map_std: float  # 0 for one trial
    accuracy: Optional[float]
    labelled_clips: float
    right: float
    num_clusters: int
    trials: int


def curves(results: Mapping[Cell, Result]) -> Dict[str, List[Point]]:
    """The points of each choice, by ascending budget; random choice stands last."""
    together: Dict[str, Dict[int, List[Result]]] = {}
    for cell, result in results.items():
        together.setdefault(cell.selection, {}).setdefault(cell.budget, []).append(result)
    return {
        name: [_point(budget, trials) for budget, trials in sorted(of_budgets.items())]
        for name, of_budgets in sorted(together.items(), key=lambda item: item[0] == RANDOM)
    }


def flat_numbers(curves: Mapping[str, Sequence[Point]]) -> Dict[str, Union[int, float]]:
    """The curves under flat keys, label_curve/NAME/BUDGET/map, .../map_std, ...; accuracy if there is one."""
    return {
        f"label_curve/{name}/{point.budget}/{key}": value
        for name, points in curves.items()
        for point in points
        for key, value in dataclasses.asdict(point).items()
        if key != "budget" and value is not None
    }


def _point(budget: int, trials: Sequence[Result]) -> Point:
    maps = [one.map for one in trials]
    accuracies = [one.accuracy for one in trials if one.accuracy is not None]
    return Point(
        budget=budget,
        map=float(np.mean(maps)),
        map_std=float(np.std(maps, ddof=1)) if len(maps) > 1 else 0.0,
        accuracy=float(np.mean(accuracies)) if accuracies else None,
        labelled_clips=float(np.mean([one.labelled_clips for one in trials])),
        right=float(np.mean([one.right for one in trials])),
        num_clusters=trials[0].num_clusters,
        trials=len(trials),
    )


@dataclasses.dataclass(frozen=True)
class Bound:
    """A number that is known, or known to be more or less than something."""

    value: float
    kind: str = "="  # or < or >

    def __str__(self) -> str:
        number = f"{self.value:,.0f}" if self.value >= 100 else f"{self.value:.3g}"
        return number if self.kind == "=" else f"{self.kind} {number}"


def labels_needed(curve: Sequence[Point], level: float) -> Bound:
    """The smallest number of labels with which a curve reaches a level of mAP.

    Between two points mAP is a straight line over the logarithm of the labels. Below the first point's mAP it is less
    than that point's labels; if no point reaches the level it is more than the last one's.
    """
    if curve[0].map >= level:
        return Bound(curve[0].budget, "=" if curve[0].map == level else "<")
    for before, after in zip(curve, curve[1:]):
        if after.map >= level:
            share = (level - before.map) / (after.map - before.map)
            return Bound(before.budget * (after.budget / before.budget) ** share)
    return Bound(curve[-1].budget, ">")


def reduction(by_chance: Bound, chosen: Bound) -> Optional[Bound]:
    """How many times fewer labels a choice needs than random choice, as far as that is known; None: not at all."""
    inverse = {"<": ">", ">": "<", "=": "="}[chosen.kind]
    kinds = {by_chance.kind, inverse} - {"="}
    return None if len(kinds) > 1 else Bound(by_chance.value / chosen.value, kinds.pop() if kinds else "=")
