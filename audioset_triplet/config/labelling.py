"""What `experiments.label_clusters` can be told (Jansen et al. 2020, section 3.3)."""

import dataclasses
from typing import Tuple

from audioset_triplet.config.evaluation import ClassificationConfig
from audioset_triplet.config.options import Config, option


@dataclasses.dataclass(frozen=True)
class SelectionConfig(Config):
    """Which clip of a cluster is queried."""

    member: str = option(
        "random",
        "Clip of a cluster that is queried: a random one, or the most probable one.",
        ("random", "probable"),
    )


@dataclasses.dataclass(frozen=True)
class QueryConfig(SelectionConfig):
    """Which clips are queried, and how annotators get them."""

    budget: int = option(100, "Questions in all, those of earlier rounds included (query).", at_least=1)
    classes: str = option(
        "", "Classes to annotate with: class_labels_indices.csv, or a name per line. Empty: of --embeddings (query)."
    )
    data: str = option("", "TFRecords of the clips (globs), to write audio files beside the questions (query).")
    audio_url: str = option(
        "/data/local-files/?d=", "URL of WORKDIR for Label Studio; the default serves it as local files (query)."
    )


@dataclasses.dataclass(frozen=True)
class LabellingConfig(Config):
    """The steps from clusters to weak labels, and to a classifier that learns from them."""

    workdir: str = option("", "Folder of the annotation log, the annotation files and the weak labels.")
    assignments: str = option("", "Folder that experiments.cluster --task=assign wrote (query, propagate).")
    embeddings: str = option("", "Folder that experiments.embed wrote: the clips and their labels.")
    train_embeddings: str = option("", "Folder of the clips to learn from (train). Empty: that of --embeddings.")
    answers: Tuple[str, ...] = option((), "Filled-in annotation files, or oracle: the stored labels (annotate).")
    query: QueryConfig = dataclasses.field(default_factory=QueryConfig)
    classification: ClassificationConfig = dataclasses.field(default_factory=ClassificationConfig)
