"""The pool of one trial, and the labels that each strategy gets there for a number of questions.

The stored labels stand in for a person's: strategies see them through `labelling.annotator` alone. Mining is the one
exception, for it presumes that somebody has an exemplar of each class.

Shapes: n training clips of the split, m clips of the pool, D embedding size, C classes.
"""

import dataclasses
import functools
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from audioset_triplet.config.label_curve import CLUSTERS, MARGIN, MINED, SWITCH, UNCERTAIN, LabelCurveConfig
from audioset_triplet.config.search import MiningConfig
from audioset_triplet.evaluation import linear_head
from audioset_triplet.evaluation.label_curve import RANDOM
from audioset_triplet.evaluation.outside_clips import NONE
from audioset_triplet.evaluation.splits import Split
from audioset_triplet.evaluation.table import Row
from audioset_triplet.labelling import cluster_strategies, selection, single_clips
from audioset_triplet.labelling.annotator import Annotator
from audioset_triplet.labelling.annotator import Labels as ClipLabels
from audioset_triplet.labelling.clip_clusters import ClipClusters
from audioset_triplet.labelling.cluster_strategies import PoolClusters, Propagated
from audioset_triplet.labelling.skewed_pools import Pool
from audioset_triplet.search import exemplars, mining, random_windows
from audioset_triplet.search.exemplars import Segment
from audioset_triplet.search.memory_index import MemoryIndex
from audioset_triplet.search.windows import Filters

_CANDIDATES = 4  # that are mined for each question about a class: some are candidates of several
SWITCHED = "-switch"  # ends the name of the row that switches from the clusters of another to single clips


class Labels(NamedTuple):
    """The labels of the training clips in one cell."""

    labels: List[Tuple[int, ...]]  # [n], empty for a clip without any
    is_annotated: np.ndarray  # bool [n]; the other labels come by propagation
    weights: np.ndarray  # float32 [n], in training
    num_clusters: int  # of the clustering; 0: a strategy of single clips


@dataclasses.dataclass(frozen=True)
class Vectors:
    """What classifiers, clusters and mining of a study need beside labels, read once.

    Attributes:
        train: float32 [n, D], the vectors of the training clips.
        evaluated: those of the evaluated clips.
        folders: stores of the training clips.
    """

    train: np.ndarray
    evaluated: np.ndarray
    folders: Sequence[str]

    @functools.cached_property
    def index(self) -> MemoryIndex:
        """All windows of the training clips, to be mined."""
        return MemoryIndex(self.folders)

    @functools.cached_property
    def random_windows(self) -> np.ndarray:
        return random_windows.draw(self.folders[-1])


@dataclasses.dataclass(frozen=True)
class SimulatedAnnotation:
    """One trial of a study.

    Attributes:
        split: the clips of both sides.
        pool: which of its training clips can be asked about.
        clusterings: name -> its clusterings of these clips, in the order of the pool, by ascending number of clusters.
        read_vectors: gives the vectors.
        config: the strategies.
        trial: draws differ between trials.
    """

    split: Split
    pool: Pool
    clusterings: Mapping[str, Sequence[ClipClusters]]
    read_vectors: Callable[[], Vectors]
    config: LabelCurveConfig
    trial: int

    @property
    def rows(self) -> np.ndarray:
        return self.pool.rows

    @functools.cached_property
    def clip_ids(self) -> List[str]:
        return [self.split.train.clip_ids[row] for row in self.rows]

    @functools.cached_property
    def true_labels(self) -> List[ClipLabels]:
        """[m], hidden from the strategies."""
        return [self.split.train.labels[row] for row in self.rows]

    @property
    def draw(self) -> str:
        """Names the draws of the trial."""
        return f"{self.config.seed}/{self.trial}"

    @functools.cached_property
    def order(self) -> List[int]:
        """The clips of the pool at random."""
        everything = np.arange(len(self.rows))
        return selection.random_rows(everything, self.clip_ids, f"{self.draw}/{RANDOM}", len(everything))

    def clustering(self, name: str, budget: int) -> Optional[ClipClusters]:
        """The clustering that a selection uses for a budget; None: there is none with that many clusters.

        Of one that is made of the pool the clusters that were asked for count: how many have a clip differs between
        trials.
        """

        def number(clusters: ClipClusters) -> int:
            return clusters.num_used if clusters.folder else clusters.num_clusters

        return next((clusters for clusters in self.clusterings[name] if number(clusters) >= budget), None)

    def labels(self, name: str, budget: int) -> Labels:
        """The labels after `budget` questions.

        Args:
            name: of a row of `table_rows`. Where a clustering of the pool has fewer clusters in this trial, the rest of
                the questions is about random clips.
            budget: questions.
        """
        annotator = Annotator(self.true_labels, budget)
        propagated: Dict[int, Propagated] = {}
        clusters, weight = None, 1.0
        if name in self.clusterings:
            clusters, weight = self.clustering(name, budget) or self.clusterings[name][-1], self.config.annotated_weight
            propagated = cluster_strategies.ask_clusters(annotator, self._pool_clusters(clusters), self.draw)
            annotator.ask_in_order(self.order, annotator.questions_left)
        elif name.endswith(SWITCHED) and name[: -len(SWITCHED)] in self.clusterings:
            several = self.clusterings[name[: -len(SWITCHED)]]
            clusters = self.clustering(name[: -len(SWITCHED)], budget) or several[-1]
            settings = self.config.strategy
            propagated = cluster_strategies.ask_while_worth(
                annotator, self._pool_clusters(clusters), self.draw, self.order, settings.single_every, settings.worth
            )
        else:
            annotator.ask_in_order(self._asked(name), budget)
        return self._labels(annotator, propagated, weight, clusters.num_used if clusters else 0)

    def _pool_clusters(self, clusters: ClipClusters) -> PoolClusters:
        probabilities = clusters.probabilities if self.config.selection.member == "probable" else None
        return PoolClusters(clusters.numbers, clusters.clip_ids, probabilities)

    def _labels(
        self, annotator: Annotator, propagated: Mapping[int, Propagated], annotated_weight: float, num_clusters: int
    ) -> Labels:
        num_clips = len(self.split.train.clip_ids)
        labels: List[Tuple[int, ...]] = [()] * num_clips
        is_annotated, weights = np.zeros(num_clips, bool), np.zeros(num_clips, np.float32)
        for row, of_cluster in propagated.items():
            labels[self.rows[row]], weights[self.rows[row]] = of_cluster
        for row, answer in annotator.answers.items():  # after the propagated ones: an answer replaces such a label
            labels[self.rows[row]], weights[self.rows[row]] = answer, annotated_weight
            is_annotated[self.rows[row]] = True
        return Labels(labels, is_annotated, weights, num_clusters)

    def _asked(self, name: str) -> List[int]:
        """The clips that a strategy of single clips asks about, in its order: a budget is the beginning of it."""
        return {RANDOM: lambda: self.order, MINED: lambda: self._mined}.get(name, lambda: self._in_rounds[name])()

    @property
    def _largest_budget(self) -> int:
        return min(len(self.rows), max(self.config.budgets, default=len(self.rows)))

    @functools.cached_property
    def _in_rounds(self) -> Dict[str, List[int]]:
        """The order of each strategy with rounds, up to the largest budget."""
        known = [measure for measure in (MARGIN, UNCERTAIN) if measure in self.config.strategy.strategies]
        orders = {}
        for measure in known:
            annotator = Annotator(self.true_labels, self._largest_budget)
            of_a_round = self.config.strategy.of_a_round
            single_clips.ask_in_rounds(annotator, self.order, self._learned, measure, of_a_round)
            orders[measure] = list(annotator.answers)
        return orders

    @functools.cached_property
    def standardized(self) -> Tuple[np.ndarray, np.ndarray]:
        """The vectors of the pool [m, D] and of the evaluated clips, by mean and deviation of the pool."""
        vectors = self.read_vectors()
        standardize = linear_head.Standardization(vectors.train[self.rows])
        return standardize(vectors.train[self.rows]), standardize(vectors.evaluated)

    def _learned(self, answers: Mapping[int, ClipLabels]) -> np.ndarray:
        """[m, C]: what the linear classifier of some answers thinks of the pool."""
        pool, _ = self.standardized
        labels, weights = list(answers.values()), np.ones(len(answers))
        penalty = self.config.penalty
        return linear_head.clip_scores(pool[list(answers)], labels, weights, pool, self.split.classes, penalty)

    @functools.cached_property
    def _mined(self) -> List[int]:
        """An exemplar of each class, then the candidates of the classes in turn."""
        vectors, folder = self.read_vectors(), self.config.train_embeddings or self.config.embeddings
        names = self.split.class_names
        of_class: Dict[int, int] = {}  # class -> its first clip in random order
        for row in self.order:
            for label in self.true_labels[row]:
                of_class.setdefault(label, row)
        classes = [label for label in of_class if names[label] != NONE]
        segments = {str(label): [Segment(self.clip_ids[of_class[label]], np.nan, np.nan)] for label in classes}
        wanted = exemplars.find(segments, folder, vectors.random_windows, self.config.exemplar)
        rows = {clip_id: row for row, clip_id in enumerate(self.clip_ids)}
        others = [clip_id for clip_id in vectors.index.windows.clips["clip_id"].to_pylist() if clip_id not in rows]
        of_a_class = -(-self._largest_budget // len(classes))  # questions, if none is about a candidate of two classes
        settings = MiningConfig(candidates=_CANDIDATES * of_a_class, exemplar=self.config.exemplar)
        found = mining.mine(wanted, vectors.index, Filters(excluded=tuple(others)), "", settings)
        candidates: Dict[str, List[int]] = {label: [] for label in segments}
        for one in found:
            candidates[one.label].append(rows[one.clip_id])
        annotator = Annotator(self.true_labels, self._largest_budget)
        exemplar_rows = [of_class[label] for label in classes]
        single_clips.ask_mined(annotator, exemplar_rows, list(candidates.values()), self.order)
        return list(annotator.answers)

    def table_rows(self, budgets: Sequence[int]) -> List[Row]:
        """A row for each strategy, whose tasks are its budgets."""
        strategies = self.config.strategy.strategies
        everything = tuple(map(str, budgets))
        rows = [Row(RANDOM, RANDOM, everything)]
        for name in self.clusterings:
            if CLUSTERS in strategies:
                possible = [str(budget) for budget in budgets if self.clustering(name, budget) is not None]
                rows.append(Row(name, name, tuple(possible)))
            if SWITCH in strategies:
                rows.append(Row(name + SWITCHED, name + SWITCHED, everything))
        rows += [Row(name, name, everything) for name in (MARGIN, UNCERTAIN, MINED) if name in strategies]
        return rows
