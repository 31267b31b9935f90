"""What `experiments.cluster` can be told, and what it shares with the curriculum (Jansen et al. 2020, section 3.2)."""

import dataclasses
from typing import ClassVar, Tuple

from audioset_triplet.config.options import Config, option
from audioset_triplet.config.training import TrainingConfig


@dataclasses.dataclass(frozen=True)
class ClusteringConfig(Config):
    """The softmax head of clusters on the embedding, and its loss."""

    num_clusters: int = option(
        1024, "Clusters of the head, K; the paper goes up to a million.", at_least=2, at_most=(1 << 31) - 1
    )
    gamma: float = option(
        1.1,
        "Weight of the entropy of the mean assignment: above 1 it matters more that all clusters are used, below 1 "
        "that each example is sure. The paper's value is not known.",
        at_least=0,
    )
    cluster_scale: float = option(
        0.0,
        "Initial norm of a row of the head, which scales logits. 0: ln K + 5, with which a cosine of 1 outweighs all "
        "others near 0. A choice of this project.",
        at_least=0,
    )


@dataclasses.dataclass(frozen=True)
class StoredEmbeddingsConfig(Config):
    """Which stored embeddings a clustering learns from."""

    WHERE: ClassVar[Tuple[str, ...]] = ("embeddings",)

    embeddings: str = option("", "Folder of embeddings that experiments.embed wrote.")
    unit: str = option(
        "windows", "What is clustered: windows, or whole clips by the means of their windows.", ("windows", "clips")
    )
    folds: Tuple[int, ...] = option((), "Only clips of these folds, e.g. 1,2,3. Empty: all clips.")


@dataclasses.dataclass(frozen=True)
class ClusterTrainingConfig(TrainingConfig):
    """The training of a head alone, whose rows are long: they need larger steps than a network."""

    learning_rate: float = option(
        0.1, "Peak learning rate; 0.1 to 0.3 suits adam and the default --cluster_scale.", above=0
    )


@dataclasses.dataclass(frozen=True)
class ClusterConfig(Config):
    """Everything that decides what `experiments.cluster --task=train` computes."""

    data: StoredEmbeddingsConfig = dataclasses.field(default_factory=StoredEmbeddingsConfig)
    method: str = option(
        "entropy",
        "entropy: the clustering loss (Jansen et al. 2020, section 3.2). kmeans: mini-batch k-means on the same "
        "batches, for comparison; it uses batches, steps and seed of the training flags.",
        ("entropy", "kmeans"),
    )
    clustering: ClusteringConfig = dataclasses.field(default_factory=ClusteringConfig)
    training: ClusterTrainingConfig = dataclasses.field(default_factory=ClusterTrainingConfig)
