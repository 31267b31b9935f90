"""What `experiments.train_coincidence` can be told (Jansen et al. 2020)."""

import dataclasses

from audioset_triplet.config.clustering import ClusteringConfig
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.network import EmbeddingNetworkConfig
from audioset_triplet.config.options import Config, option
from audioset_triplet.config.training import TrainingConfig


@dataclasses.dataclass(frozen=True)
class ImageConfig(Config):
    """The network from an image to an embedding: the architecture and width of the audio network."""

    images: bool = option(True, "Whether the records have images. false: audio only; stages 2 to 4 do without images.")
    image_size: int = option(128, "Pixels of a side to which images are scaled.", at_least=32)
    augment_images: bool = option(
        True, "Crop, mirror and recolour images at random in training, against overfitting to few of them."
    )
    image_stem_stride: int = option(
        2, "Stride of the first convolution of a ResNet on images: 2 as published.", at_least=1, at_most=2
    )


@dataclasses.dataclass(frozen=True)
class CoincidenceTermsConfig(Config):
    """What a stage of the curriculum learns, and from where it starts (Jansen et al. 2020, section 3)."""

    av_weight: float = option(1.0, "Weight of audio-visual coincidence: a window and an image.", at_least=0)
    aa_weight: float = option(1.0, "Weight of audio-audio coincidence: two windows.", at_least=0)
    cluster_weight: float = option(1.0, "Weight of the clustering, from stage 3 on.", at_least=0)
    class_weight: float = option(1.0, "Weight of the classification by weak labels, in stage 4.", at_least=0)
    coincidence_seconds: float = option(
        10.0,
        "Largest distance in time between two parts of a recording that are a positive pair (dT in the paper, which "
        "gives no value); longer than a window.",
        above=0,
    )
    coincidence_units: int = option(
        512, "Hidden units of the network that predicts whether two embeddings coincide.", at_least=1
    )
    start_from: str = option("", "Run directory whose networks the run starts with. Empty: from random weights.")


@dataclasses.dataclass(frozen=True)
class WeakLabelConfig(Config):
    """Labels that do not come from the records, such as those propagated in clusters."""

    weak_labels: str = option(
        "",
        "CSV of experiments.label_clusters, or of export_ratings --what=weak_labels, whose clips without a label do "
        "not count; for stage 4.",
    )


@dataclasses.dataclass(frozen=True)
class CoincidenceConfig(Config):
    """Everything that decides what a stage of `experiments.train_coincidence` computes."""

    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    image: ImageConfig = dataclasses.field(default_factory=ImageConfig)
    terms: CoincidenceTermsConfig = dataclasses.field(default_factory=CoincidenceTermsConfig)
    clustering: ClusteringConfig = dataclasses.field(default_factory=ClusteringConfig)
    labels: WeakLabelConfig = dataclasses.field(default_factory=WeakLabelConfig)
    network: EmbeddingNetworkConfig = dataclasses.field(default_factory=EmbeddingNetworkConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
