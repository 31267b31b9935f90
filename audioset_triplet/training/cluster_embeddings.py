"""The objective clustering: a cluster head learns from stored embeddings, by entropy clustering or by k-means.

Both start from the same rows (`training.kmeans_init`), learn from the same batches and end as a cluster head.
"""

import functools
import sys
from typing import Any, Dict

import numpy as np
import sklearn.cluster
import tensorflow as tf

from audioset_triplet import files
from audioset_triplet.config.clustering import ClusterConfig
from audioset_triplet.models import heads
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.runs import checkpoints, run_directory
from audioset_triplet.training import clustering_terms, kmeans_init, loop
from audioset_triplet.training.objective import ObjectiveModel, Terms
from audioset_triplet.training.stored_embeddings import StoredEmbeddings, VectorBatch


def train(config: ClusterConfig, workdir: str) -> None:
    """Clusters the embeddings of `config.data` in `workdir`, or goes on there.

    Entropy clustering goes on where it was stopped (`loop.train`). K-means is saved at its end only.

    Raises:
        Terminated: SIGTERM came, and the last step of entropy clustering is saved.
        UserError: what `loop.train` and `StoredEmbeddings.describe` raise.
    """
    source = StoredEmbeddings(config)
    if config.method == "kmeans":
        with files.one_writer(workdir):
            _k_means(config, source, workdir)
    else:
        loop.train(config, workdir, functools.partial(_build_model, config, source, workdir), source)


def _build_model(config: ClusterConfig, source: StoredEmbeddings, workdir: str) -> "ClusteringModel":
    head = _new_head(config, source)
    if not checkpoints.find_latest(workdir):
        head.set_rows(_initial_rows(config, source))
    num_rows = config.training.batch_size // tf.distribute.get_strategy().num_replicas_in_sync
    return ClusteringModel(head, config, num_rows=num_rows)


def _new_head(config: ClusterConfig, source: StoredEmbeddings) -> heads.ClusterHead:
    settings = config.clustering
    return heads.ClusterHead(settings.num_clusters, source.vectors.shape[1], settings.cluster_scale)


def _initial_rows(config: ClusterConfig, source: StoredEmbeddings) -> np.ndarray:
    random = np.random.default_rng(config.training.seed)
    return kmeans_init.initial_clusters(source.vectors, source.weights, config.clustering.num_clusters, random)


class ClusteringModel(ObjectiveModel):
    """Trains a cluster head on `VectorBatch`es. Metrics: those of `training.clustering_terms`."""

    def __init__(self, head: heads.ClusterHead, config: ClusterConfig, **options: Any) -> None:
        super().__init__({heads.CLUSTER_HEAD: head}, clustering_terms.METRICS, **options)
        self._config = config

    def terms(self, batch: VectorBatch) -> Terms:
        head, gamma = self.submodels[heads.CLUSTER_HEAD], self._config.clustering.gamma
        return clustering_terms.terms(batch.vectors, batch.weights, head, gamma, bool(self.jit_compile))

    def derived_metrics(self, means: Dict[str, float]) -> Dict[str, float]:
        return clustering_terms.derived_metrics(
            means, self._config.clustering.num_clusters, self._config.training.batch_size
        )

    def warning(self, means: Dict[str, float]) -> str:
        num_clusters, batch_size = self._config.clustering.num_clusters, self._config.training.batch_size
        return clustering_terms.warning(means, num_clusters, batch_size)


def _k_means(config: ClusterConfig, source: StoredEmbeddings, workdir: str) -> None:
    """Mini-batch k-means (Sculley 2010).

    As a cluster head: the centre c nearest to an embedding e is the one with the largest e c - c c / 2.
    """
    learned_from = source.describe()
    source.check(config.training)
    run_directory.require_same(workdir, config, learned_from)
    if checkpoints.find_latest(workdir):
        print(f"{workdir} is trained: step {config.training.steps} of {config.training.steps}.", file=sys.stderr)
        return
    k_means = sklearn.cluster.MiniBatchKMeans(
        config.clustering.num_clusters,
        init=_initial_rows(config, source),
        n_init=1,
        random_state=config.training.seed,
    )
    for step in progress_bar(range(config.training.steps), "k-means", "steps"):
        rows = source.rows(step)
        k_means.partial_fit(source.vectors[rows], sample_weight=source.weights[rows])
    centres = k_means.cluster_centers_.astype(np.float32)
    head = _new_head(config, source)
    head.set_rows(centres)
    head.bias.assign(-head.scale * np.square(centres).sum(axis=1) / 2)
    run_directory.begin(workdir, config, learned_from)
    folder = checkpoints.folder_of(workdir)
    checkpoint = tf.train.Checkpoint(**{heads.CLUSTER_HEAD: head})
    tf.train.CheckpointManager(checkpoint, folder, max_to_keep=1).save(checkpoint_number=config.training.steps)
