"""The pools of a study and their clusters: for each ratio and trial the clips that can be asked about.

Shapes: n training clips, m clips of a pool.
"""

import dataclasses
import functools
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np

from audioset_triplet import named_values
from audioset_triplet.config.label_curve import MARGIN, MINED, UNCERTAIN, LabelCurveConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import outside_clips, splits
from audioset_triplet.evaluation.label_curve import RANDOM
from audioset_triplet.evaluation.splits import Split
from audioset_triplet.labelling import clip_clusters, skewed_pools
from audioset_triplet.labelling.clip_clusters import ClipClusters
from audioset_triplet.labelling.skewed_pools import Pool
from audioset_triplet.records import globs
from audioset_triplet.studies.simulated_annotation import SWITCHED, SimulatedAnnotation, Vectors

WHOLE = "split"  # name of the pool of all clips
_METHODS = ("entropy", "kmeans")  # of clusterings that are made of a pool
_ROWS = (RANDOM, MARGIN, UNCERTAIN, MINED)  # which no clustering may be called


class PoolMethod(NamedTuple):
    """A clustering that is made of each pool."""

    method: str
    clips_per_cluster: int


@dataclasses.dataclass(frozen=True)
class Clusterings:
    """What --clusterings names."""

    stored: Mapping[str, Sequence[ClipClusters]]
    made: Mapping[str, PoolMethod]

    @property
    def facts(self) -> Dict[str, Any]:
        """What identifies them, as JSON."""
        stored = {name: [clusters.facts for clusters in several] for name, several in self.stored.items()}
        return {**stored, **{name: one._asdict() for name, one in self.made.items()}}


def read_clusterings(texts: Sequence[str]) -> Clusterings:
    """The clusterings of texts NAME=FOLDER, NAME=GLOB or NAME=METHOD:N.

    Raises:
        UserError: another text, a name of a strategy, one that comes twice, a missing folder.
    """
    stored: Dict[str, List[ClipClusters]] = {}
    made: Dict[str, PoolMethod] = {}
    for name, pattern in named_values.named("clusterings", texts, value="FOLDER or NAME=METHOD:N").items():
        if name.endswith(SWITCHED) or name in _ROWS:
            taken = ", ".join(_ROWS)
            raise UserError(
                f"--clusterings={name}={pattern}: choose a name that does not end in {SWITCHED} and is none of {taken}."
            )
        method, _, size = pattern.partition(":")
        if method in _METHODS and size.isdecimal() and int(size):
            made[name] = PoolMethod(method, int(size))
            continue
        folders = globs.matches(pattern)
        if not folders:
            raise UserError(f"--clusterings={name}={pattern}: no such folder.")
        stored[name] = [clip_clusters.read(folder) for folder in folders]
    return Clusterings(stored, made)


class TrialPools:
    """All pools of a study.

    Attributes:
        split: the clips of both sides, those of --outside among the training clips.
        clusterings: what is compared.
    """

    def __init__(self, split: Split, clusterings: Clusterings, config: LabelCurveConfig) -> None:
        self.split, self.clusterings, self._config = split, clusterings, config
        self._pools: Dict[Tuple[str, int], Pool] = {}
        self._latest: Dict[Tuple[str, int], SimulatedAnnotation] = {}  # one alone: it holds vectors and clusters

    @property
    def names(self) -> List[str]:
        """Of the pools."""
        return [f"ratio{ratio:g}" for ratio in self._config.pool.ratios] or [WHOLE]

    def pool(self, name: str, trial: int) -> Pool:
        """The clips that can be asked about; raises what `skewed_pools.draw` raises."""
        if (name, trial) not in self._pools:
            self._pools[name, trial] = self._drawn(name, trial)
        return self._pools[name, trial]

    def _drawn(self, name: str, trial: int) -> Pool:
        train, rows = self.split.train, np.flatnonzero(self.split.usable)
        none = next((label for label, title in train.class_names.items() if title == outside_clips.NONE), None)
        if name == WHOLE:
            return skewed_pools.whole(train, rows)
        ratio, rarest = list(self._config.pool.rarest_of.items())[self.names.index(name)]
        return skewed_pools.draw(train, rows, ratio, rarest, f"{self._config.seed}/{trial}/pool", none)

    def num_clips(self, name: str) -> int:
        """How many clips can be asked about, in every trial."""
        trials = range(self._config.trials if name != WHOLE else 1)
        return min(len(self.pool(name, trial).rows) for trial in trials)

    def annotation(self, name: str, trial: int) -> SimulatedAnnotation:
        """A trial of a pool.

        Raises:
            UserError: a stored clustering of other embeddings, or one that lacks a clip.
        """
        if (name, trial) not in self._latest:
            self._latest = {(name, trial): self._annotation(name, trial)}
        return self._latest[name, trial]

    def _annotation(self, name: str, trial: int) -> SimulatedAnnotation:
        pool = self.pool(name, trial)
        ids = [self.split.train.clip_ids[row] for row in pool.rows]
        of_pool: Dict[str, List[ClipClusters]] = {}
        for clustering, several in self.clusterings.stored.items():
            self._check_models(several)
            restricted = [clusters.at(clusters.rows_of(ids)) for clusters in several]
            of_pool[clustering] = sorted(restricted, key=lambda clusters: clusters.num_used)
        for clustering, method in self.clusterings.made.items():
            of_pool[clustering] = [self._made(pool.rows, ids, method, trial)]
        return SimulatedAnnotation(self.split, pool, of_pool, lambda: self._vectors, self._config, trial)

    def _check_models(self, several: Sequence[ClipClusters]) -> None:
        for clusters in several:
            if clusters.model_id != self.split.train.model_id:
                raise UserError(
                    f"{clusters.folder}: clusters embeddings of {clusters.model_id}, not of "
                    f"{self.split.train.model_id}; cluster the embeddings of the training clips."
                )

    def _made(self, rows: np.ndarray, ids: List[str], method: PoolMethod, trial: int) -> ClipClusters:
        from audioset_triplet.training import pool_clusters  # here: TensorFlow takes seconds to load

        num_clusters = max(2, round(len(rows) / method.clips_per_cluster))
        seed = self._config.seed + trial
        numbers, probabilities = pool_clusters.cluster(self._vectors.train[rows], method.method, num_clusters, seed)
        return ClipClusters("", ids, numbers, probabilities, self.split.train.model_id, method.method, num_clusters)

    @functools.cached_property
    def _vectors(self) -> Vectors:
        """Those of both sides, in memory."""
        train, evaluated = self.split.train, self.split.evaluated
        return Vectors(
            train.vectors_at(np.arange(len(train.clip_ids))),
            evaluated.vectors_at(np.arange(len(evaluated.clip_ids))),
            [train_folder(self._config), *self._config.pool.outside],
        )


def train_folder(config: LabelCurveConfig) -> str:
    """The store of the clips to learn from."""
    return config.train_embeddings or config.embeddings


def read(config: LabelCurveConfig) -> TrialPools:
    """The pools of a study; raises what `splits.read_split`, `with_outside` and `read_clusterings` raise."""
    clusterings = read_clusterings(config.clusterings)
    if config.pool.ratios and clusterings.stored:
        raise UserError(
            f"--ratios makes pools of its own, of which {next(iter(clusterings.stored))} is no clustering: give "
            "NAME=entropy:N or NAME=kmeans:N."
        )
    folder = train_folder(config)
    split = splits.read_split(folder, config.train_folds, config.embeddings, config.folds)
    if config.pool.outside:
        split = outside_clips.with_outside(split, folder, config.pool.outside, config.pool.outside_except)
    return TrialPools(split, clusterings, config)
