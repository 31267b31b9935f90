"""Configs of the evaluations, one per task. Each field is a flag; one of a base class means the same in all tasks."""

import dataclasses
from typing import Dict, Tuple, Type

from audioset_triplet.config.options import Config, option, require


@dataclasses.dataclass(frozen=True)
class HeadConfig(Config):
    """The fully connected classifier on frozen embeddings (Jansen et al. 2018, section 4: one layer of 512 units)."""

    hidden_layers: int = option(
        1, "Hidden layers of the classifier; the paper's comparison on log-mel has 4.", at_least=0
    )
    hidden_units: int = option(512, "Units of each hidden layer of the classifier.", at_least=1)
    head_epochs: int = option(
        30, "Epochs of the classifier's training over its windows; of millions one is enough.", at_least=1
    )
    head_min_steps: int = option(
        300, "Training steps of the classifier at least, however few windows there are.", at_least=1
    )
    head_batch_size: int = option(128, "Windows per training step of the classifier.", at_least=1)
    head_learning_rate: float = option(
        1e-3, "Learning rate of the classifier (Adam) at the start; falls to 0.", above=0
    )
    head_dropout: float = option(0.5, "Dropout after the last hidden layer of the classifier.", at_least=0, below=1)


@dataclasses.dataclass(frozen=True)
class ClipsConfig(Config):
    """The clips of an evaluation."""

    folds: Tuple[int, ...] = option((), "Evaluate clips of these folds only, e.g. 4. Empty: all clips.")


@dataclasses.dataclass(frozen=True)
class ScoresConfig(ClipsConfig):
    """The scores of a classifier under several protocols."""

    ratings: str = option(
        "",
        "Ratings of clips or windows, with explicit negatives (scores): a TSV as "
        "audioset_eval_strong_framed_posneg.tsv, or Parquet. Empty: none.",
    )
    strong_labels: str = option(
        "", "Events with onset and offset (scores): a TSV as audioset_eval_strong.tsv, or Parquet. Empty: none."
    )
    class_labels: str = option(
        "",
        "class_labels_indices.csv, if labels of --ratings and --strong_labels are ids such as /m/09x0r (scores). "
        "Empty: they are names of classes.",
    )


@dataclasses.dataclass(frozen=True)
class EvaluationConfig(ClipsConfig):
    """What the evaluations of embeddings share."""

    seed: int = option(
        0, "Seed of all random choices: drawn clips, the classifier, the example queries and the map.", at_least=0
    )


@dataclasses.dataclass(frozen=True)
class RetrievalConfig(EvaluationConfig):
    """Query by example (Jansen et al. 2018, section 4)."""

    draws: int = option(5, "How often the clips of a class and the distractors are drawn (retrieval).", at_least=1)


@dataclasses.dataclass(frozen=True)
class SupervisedConfig(EvaluationConfig):
    """What the evaluations share that learn from labelled clips."""

    train_folds: Tuple[int, ...] = option((), "Learn from clips of these folds only, e.g. 1,2,3. Empty: all clips.")


@dataclasses.dataclass(frozen=True)
class ClassificationConfig(SupervisedConfig):
    """Shallow classification (Jansen et al. 2018, section 4)."""

    head: HeadConfig = dataclasses.field(default_factory=HeadConfig)
    weak_labels: str = option(
        "",
        "Labels to learn from instead of the stored ones: weak_labels.csv of experiments.label_clusters "
        "--task=propagate, or of export_ratings --what=weak_labels; clips without a label are left out. Empty: the "
        "stored ones.",
    )
    annotated_weight: float = option(
        1.0,
        "Weight in training of an annotated clip; a clip that got its labels by propagation weighs 1 (--weak_labels).",
        at_least=0,
    )


@dataclasses.dataclass(frozen=True)
class SemiSupervisedConfig(SupervisedConfig):
    """Classification with few labelled clips per class (Jansen et al. 2018, section 4)."""

    head: HeadConfig = dataclasses.field(default_factory=HeadConfig)
    labels_per_class: Tuple[int, ...] = option(
        (1, 5, 10, 20), "Labelled clips per class (semi_supervised).", at_least=1
    )
    trials: int = option(3, "How often the labelled clips are drawn (semi_supervised).", at_least=1)

    def check_rules(self) -> None:
        require(len(self.labels_per_class) > 0, "--labels_per_class needs a number of labelled clips.")


@dataclasses.dataclass(frozen=True)
class KnnConfig(SupervisedConfig):
    """Weighted k nearest neighbours (Wu et al. 2018, section 3.4)."""

    neighbours: int = option(5, "Nearest labelled clips that vote (knn).", at_least=1)
    temperature: float = option(
        0.07, "Temperature of the votes; the lower, the more the nearest clip counts (knn).", at_least=1e-3
    )


@dataclasses.dataclass(frozen=True)
class CoincidenceEvaluationConfig(EvaluationConfig):
    """Coincidence prediction on held-out recordings (Jansen et al. 2020, section 3.1)."""

    examples_per_clip: int = option(
        5, "Examples (a window, its positive window and, of videos, its image) drawn from each clip.", at_least=1
    )
    num_examples: int = option(4000, "Examples in all, at most: all pairs of them are scored.", at_least=2)


@dataclasses.dataclass(frozen=True)
class ClusterReportConfig(Config):
    """What `experiments.cluster --task=report` shows."""

    pages: int = option(50, "Largest clusters that get a page (report).", at_least=0)
    seed: int = option(0, "Seed of the members that are drawn at random (report).", at_least=0)


# Task of experiments.evaluate -> its config.
TASKS: Dict[str, Type[ClipsConfig]] = {
    "classification": ClassificationConfig,
    "knn": KnnConfig,
    "retrieval": RetrievalConfig,
    "scores": ScoresConfig,
    "semi_supervised": SemiSupervisedConfig,
}
