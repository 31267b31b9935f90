"""The networks of a run directory, whichever objective trained them."""

import dataclasses
from typing import Dict, Optional, Tuple, Union

import tensorflow as tf

from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.clustering import ClusterConfig
from audioset_triplet.config.coincidence import CoincidenceConfig
from audioset_triplet.config.instances import InstanceConfig
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.losses import classification
from audioset_triplet.models import coincidence, heads, imagenet_weights, networks
from audioset_triplet.runs import checkpoints, classes, manifest, objectives, run_config
from audioset_triplet.runs.classes import Classes

EmbeddingConfig = Union[TripletConfig, InstanceConfig, CoincidenceConfig]
ClassifyingConfig = Union[ClassifierConfig, CoincidenceConfig]


@dataclasses.dataclass(frozen=True)
class TrainedClassifier:
    """The classifier of a run."""

    network: tf.keras.Model  # features of windows [B, *feature_shape] -> logits [B, C]
    embedding: Optional[tf.keras.Model]  # the same -> [B, D] of unit length, below the logits; None: it has none
    classes: Classes  # what the logits mean
    config: ClassifyingConfig
    path: str  # of the checkpoint

    def outputs(self) -> tf.keras.Model:
        """Features of windows -> `scores` [B, C], the probabilities of the classes, and `embedding` if there is one."""
        outputs = {"scores": classification.probabilities(self.network.output, self.classes.loss)}
        if self.embedding is not None:
            outputs["embedding"] = self.embedding.output
        return tf.keras.Model(self.network.input, outputs, name=self.network.name)


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """What a run exports."""

    network: tf.keras.Model  # features of windows -> embeddings [B, D]; of a classifier `TrainedClassifier.outputs`
    class_names: Dict[int, str]  # of the scores, by class index, ascending; empty: it gives none
    config: Union[EmbeddingConfig, ClassifyingConfig]
    path: str  # of the checkpoint


@dataclasses.dataclass(frozen=True)
class TrainedHead:
    """The cluster head of a run, and what it was trained on."""

    head: heads.ClusterHead
    path: str  # of the checkpoint
    method: str  # entropy or kmeans
    unit: str  # windows or clips
    model_id: str  # whose embeddings it was trained on; empty: those of the network that was trained with it


def restore_embedding(workdir: str) -> Tuple[tf.keras.Model, EmbeddingConfig, str]:
    """The trained embedding of a run, its settings and the path of its checkpoint.

    Raises:
        UserError: there is no run, it trains no embedding, it has no checkpoint yet, or its checkpoint is damaged.
    """
    config = run_config.read_as(workdir, *objectives.EMBEDDING)
    network = networks.build_embedding(config.network, networks.feature_shape(config.network))
    return network, config, checkpoints.restore_submodels({"network": network}, workdir, config)


def restore_network(workdir: str) -> tf.keras.Model:
    """The network on windows that a run has trained: of a classifier to its logits, else to its embedding.

    Raises:
        UserError: as for `restore_model`.
    """
    if isinstance(run_config.read(workdir), ClassifierConfig):
        return restore_classifier(workdir).network
    return restore_embedding(workdir)[0]


def restore_model(workdir: str) -> TrainedModel:
    """What a run has learned from windows: an embedding, scores of classes, or both.

    Raises:
        UserError: there is no run, it learns from stored embeddings, it has no checkpoint yet, or its checkpoint is
            damaged.
    """
    run_config.read_as(workdir, *objectives.EMBEDDING, ClassifierConfig)
    if classes.exist(workdir):
        trained = restore_classifier(workdir)
        return TrainedModel(trained.outputs(), trained.classes.names, trained.config, trained.path)
    network, config, path = restore_embedding(workdir)
    return TrainedModel(network, {}, config, path)


def initial_embedding(config: EmbeddingConfig) -> tf.keras.Model:
    """The embedding that a run with these settings starts from; sets the seed of the process."""
    tf.keras.utils.set_random_seed(config.training.seed)
    network = networks.build_embedding(config.network, networks.feature_shape(config.network))
    imagenet_weights.load(network, config.network)
    return network


def restore_classifier(workdir: str) -> TrainedClassifier:
    """The trained classifier of a run: of the objective classifier, or of stage 4 of the curriculum.

    Raises:
        UserError: there is no run, it has no classifier, no checkpoint yet, or its checkpoint is damaged.
    """
    config = run_config.read_as(workdir, ClassifierConfig, CoincidenceConfig)
    known = classes.read(workdir)
    shape = networks.feature_shape(config.network)
    if isinstance(config, ClassifierConfig):
        network = networks.build_classifier(config.network, shape, len(known.names))
        path = checkpoints.restore_submodels({"network": network}, workdir, config)
        bottleneck = networks.bottleneck_embedding(network) if config.network.bottleneck else None
        return TrainedClassifier(network, bottleneck, known, config, path)
    submodels = coincidence.build_submodels(config, shape, len(known.names))
    submodels = {name: submodels[name] for name in ("network", "class_head")}
    path = checkpoints.restore_submodels(submodels, workdir, config)
    embedding, head = submodels.values()
    network = tf.keras.Model(embedding.input, head(embedding.output), name=f"{embedding.name}_classifier")
    return TrainedClassifier(network, embedding, known, config, path)


def restore_cluster_head(workdir: str) -> TrainedHead:
    """The trained cluster head of a run: of the objective clustering, or of the curriculum from stage 3 on.

    Its weights are the moving averages where the checkpoint has them.

    Raises:
        UserError: there is no run, it has no clusters, no checkpoint yet, or a file is damaged.
    """
    config, learned_from = run_config.read_as(workdir, ClusterConfig, CoincidenceConfig), manifest.read(workdir)
    latest = checkpoints.latest(workdir)
    with checkpoints.damage_named(latest):
        shapes = tf.train.load_checkpoint(latest).get_variable_to_shape_map()
    names = (checkpoints.average_of(heads.CLUSTER_HEAD), heads.CLUSTER_HEAD)
    kernels = {name: f"{name}/kernel/.ATTRIBUTES/VARIABLE_VALUE" for name in names}
    name = next((name for name, kernel in kernels.items() if kernel in shapes), None)
    if name is None:
        raise UserError(f"{latest}: holds no {heads.CLUSTER_HEAD}; train with experiments.cluster --task=train.")
    num_clusters, embedding_size = shapes[kernels[name]]
    head = heads.ClusterHead(num_clusters, embedding_size, config.clustering.cluster_scale)
    status = checkpoints.restore(tf.train.Checkpoint(**{name: head}), latest)
    status.expect_partial().assert_existing_objects_matched()
    if isinstance(config, ClusterConfig):
        return TrainedHead(head, latest, config.method, config.data.unit, learned_from.get("model_id", ""))
    return TrainedHead(head, latest, "entropy", "windows", "")
