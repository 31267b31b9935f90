"""What a network is worth on clips that it does not learn from, while it is trained (`training.epoch_log`)."""

from typing import Any, Callable, Dict, Mapping, Optional, Sequence

import numpy as np
import tensorflow as tf

from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import clip_means, clip_scoring, knn, metrics
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.losses import classification
from audioset_triplet.models.memory_bank import MEMORY_BANK
from audioset_triplet.records import clip_labels, globs
from audioset_triplet.runs import classes
from audioset_triplet.sampling import window_draws
from audioset_triplet.store.scores import ClipScores

Networks = Mapping[str, tf.keras.Model]


class EvaluatedClips:
    """Clips of records that a network is evaluated on again and again.

    Attributes:
        clips: their metadata, in the order of all results.
    """

    def __init__(self, data: str, folds: Sequence[int], front_end: FrontEnd) -> None:
        """
        Args:
            data: globs of TFRecord files, separated by commas.
            folds: only clips of these folds; empty: all.
            front_end: of the network.

        Raises:
            UserError: what `clip_labels.read` and `window_draws.require_records` raise, or no clip has a label.
        """
        self.clips = clip_labels.read(data, folds)
        if not any(clip.labels for clip in self.clips):
            raise UserError(f"{data}: the clips to evaluate have no labels.")
        paths = globs.expand(data)
        window_draws.require_records(paths, front_end)
        self._windows = clip_means.ClipWindows(paths, folds, front_end)  # once: to build it takes seconds
        self._predict: Optional[Callable[[tf.Tensor], tf.Tensor]] = None

    def means(self, network: tf.keras.Model, finish: Callable[[tf.Tensor], tf.Tensor] = tf.identity) -> np.ndarray:
        """[n, D], the mean over the windows of each clip of what a network gives; always of the same network.

        Args:
            network: features of windows -> [B, ...].
            finish: what is done to it for each window -> [B, D].
        """
        if self._predict is None:
            self._predict = tf.function(
                lambda batch: finish(network(batch, training=False)), autograph=False, reduce_retracing=True
            )
        clip_ids, means = self._windows.means(self._predict)
        mean_of = dict(zip(clip_ids, means))
        return np.array([mean_of[clip.clip_id] for clip in self.clips])


class BankNeighbours:
    """Weighted nearest neighbours among the rows of the memory bank (Wu et al. 2018, section 3.4).

    Clips of evaluated recordings, and clips without a label, are no neighbours.
    """

    def __init__(self, evaluated: EvaluatedClips, learned: Sequence[ClipInfo], k: int, temperature: float) -> None:
        """
        Args:
            evaluated: the queries.
            learned: the clips of the bank.
            k: neighbours.
            temperature: of their votes.

        Raises:
            UserError: no clip can be a neighbour, or a class has two names.
        """
        self._evaluated, self._k, self._temperature = evaluated, k, temperature
        self._learned = sorted(learned, key=lambda clip: clip.clip_id)
        recordings = {clip.recording_id for clip in evaluated.clips}
        is_usable = [bool(clip.labels) and clip.recording_id not in recordings for clip in self._learned]
        self._usable = np.flatnonzero(is_usable)
        if not len(self._usable):
            raise UserError(
                "none of the clips to learn from has a label and is of a recording that is not evaluated: there are no "
                "nearest neighbours; leave out --eval_folds and --eval_data."
            )
        self._names = clip_labels.class_names(self._learned[row] for row in self._usable)

    def __call__(self, networks: Networks, state: Mapping[str, Any]) -> Dict[str, float]:
        """`accuracy` (where every clip has one label) and `map` of the votes."""
        queries, rows = self._evaluated.means(networks["network"]), state[MEMORY_BANK].values()[self._usable]
        block = (self._usable, _unit(rows))
        shares = knn.vote_shares(_unit(queries), [block], self._targets_at, self._k, self._temperature)
        return headline(clip_scoring.of_clips(self._evaluated.clips, shares, self._names))

    def _targets_at(self, rows: np.ndarray) -> np.ndarray:
        return np.array([np.isin(list(self._names), self._learned[row].labels) for row in rows], np.float32)


class ClassifierScores:
    """The scores of a classifier, as `clip_scoring` makes them of a run that has ended."""

    def __init__(self, evaluated: EvaluatedClips, workdir: str) -> None:
        """
        Args:
            evaluated: the clips.
            workdir: the run directory, whose classes.json is there when the training begins.
        """
        self._evaluated, self._workdir = evaluated, workdir

    def __call__(self, networks: Networks, state: Mapping[str, Any]) -> Dict[str, float]:
        """`accuracy` (where every clip has one label) and `map`."""
        known = classes.read(self._workdir)
        means = self._evaluated.means(networks["network"], lambda x: classification.probabilities(x, known.loss))
        return headline(clip_scoring.of_clips(self._evaluated.clips, means, known.names))


def headline(scores: ClipScores) -> Dict[str, float]:
    """The numbers of an epoch."""
    measured = metrics.measure(scores)
    accuracy = {} if measured.accuracy is None else {"accuracy": measured.accuracy}
    return {**accuracy, "map": measured.map}


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
