"""What the programs that run whole studies can be told."""

import dataclasses
from typing import Tuple

from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.config.instances import InstanceLossConfig
from audioset_triplet.config.options import Config, option, require
from audioset_triplet.config.refinement import RefinementConfig
from audioset_triplet.config.search import ExemplarConfig


@dataclasses.dataclass(frozen=True)
class Jansen2018Config(Config):
    """The table of Jansen et al. 2018, beside how its networks are trained."""

    output: str = option("", "Folder of the table and of everything that is made for it.")
    eval_data: str = option("", "TFRecords to evaluate on. Empty: a fold of --data.")
    folds: Tuple[int, ...] = option(
        (), "Folds to hold out and evaluate, one after the other, e.g. 4 or 1,2,3,4,5. Empty: the last one."
    )
    train_folds: Tuple[int, ...] = option((), "Folds to train on. Empty: all but the held-out one.")
    seeds: Tuple[int, ...] = option((0,), "Training seeds, e.g. 0,1,2.", at_least=0, at_most=(1 << 32) - 1)
    only: Tuple[str, ...] = option(
        (), "What to compute: rows (joint: all its evaluations) and cells (topline/retrieval). Empty: all."
    )
    labels_per_class: Tuple[int, ...] = option(
        (1, 5, 10, 20), "Labelled clips per class in the evaluation with few labels.", at_least=1
    )
    trials: int = option(3, "How often the few labelled clips are drawn.", at_least=1)
    few_labels_from_scratch: bool = option(
        False, "Also train a ResNet-50 for each number and draw of few labels, which takes long."
    )
    dry_run: bool = option(False, "Only list what is done and what there is to do.")
    hop_seconds: float = option(
        0.0, "Seconds from a window that is embedded to the next. 0: those of the front end (0.96).", at_least=0
    )
    head: HeadConfig = dataclasses.field(default_factory=HeadConfig)

    def check_rules(self) -> None:
        require(
            not (self.folds and self.eval_data),
            "--folds and --eval_data are two ways of holding something out: give one of them.",
        )


@dataclasses.dataclass(frozen=True)
class AudioSet2017Config(Config):
    """The tables of Hershey et al. 2017 and of the talk on AudioSet, beside how the classifiers are trained."""

    output: str = option("", "Folder of the tables and of everything that is made for them.")
    eval_data: Tuple[str, ...] = option(
        (),
        "Records to evaluate on, as NAME=GLOB for each set, e.g. balanced=eval/*.tfrecord,skewed=natural/*.tfrecord. "
        "Training leaves out the recordings of all of them.",
    )
    eval_folds: Tuple[int, ...] = option((), "Evaluate on clips of these folds only, in every set. Empty: all.")
    ratings: Tuple[str, ...] = option(
        (),
        "Ratings of the clips of a set, as NAME=FILE with the name of the set (as --ratings of experiments.evaluate).",
    )
    strong_labels: Tuple[str, ...] = option(
        (), "Events of a set with onset and offset, as NAME=FILE (as --strong_labels of experiments.evaluate)."
    )
    class_labels: str = option(
        "",
        "class_labels_indices.csv, if labels of --ratings and --strong_labels are ids such as /m/09x0r. Empty: they "
        "are names of classes.",
    )
    core_minutes: float = option(
        0.0,
        "Budget of the training of a row, in minutes times CPU cores, in place of --steps: a warm-up measures the time "
        "of a step for each architecture, and a row gets as many steps as fit. 0: --steps.",
        at_least=0,
    )
    architectures: Tuple[str, ...] = option(
        ("fc", "alexnet", "vgg19", "inception_v3", "resnet50", "mobilenet"),
        "Architectures to compare. --architecture is the one of all other rows, and has to be among them.",
    )
    training_shares: Tuple[float, ...] = option(
        (0.1, 0.01),
        "Shares of the training clips to learn from, beside all; each class keeps a clip.",
        above=0,
        below=1,
    )
    prior_exponents: Tuple[float, ...] = option(
        (0.1, 0.25, 1.0), "Values of beta (--prior_exponent of train_classifier), beside 0.", above=0, at_most=2
    )
    refinements: int = option(
        1,
        "How often labels are refined: the first time by the scores of the classifier with the labels of clips, then "
        "by those of the classifier before.",
        at_least=1,
    )
    label_share: float = option(
        0.005, "Share of the training clips whose labels the rows with few labels learn from.", above=0, below=1
    )
    embedding_model: str = option(
        "",
        "SavedModel whose embeddings a fully connected classifier (--hidden_layers, --head_epochs) learns from: of a "
        "triplet network, or of a classifier of other labels with a bottleneck. Empty: no such rows.",
    )
    seeds: Tuple[int, ...] = option((0,), "Training seeds, e.g. 0,1,2.", at_least=0, at_most=(1 << 32) - 1)
    only: Tuple[str, ...] = option(
        (), "What to compute: rows (refined: all its evaluations) and cells (refined/strong). Empty: all."
    )
    dry_run: bool = option(False, "Only list what is done and what there is to do.")
    refinement: RefinementConfig = dataclasses.field(default_factory=RefinementConfig)
    head: HeadConfig = dataclasses.field(default_factory=HeadConfig)

    def check_rules(self) -> None:
        require(len(self.architectures) > 0, "--architectures needs the name of one.")


@dataclasses.dataclass(frozen=True)
class MiningStudyConfig(Config):
    """The precision of exemplar mining on classes that are made rare."""

    embeddings: str = option("", "Folder that experiments.embed wrote: clips of the classes.")
    background: str = option("", "Folder of other clips, embedded with the same model, to hide them in. Empty: none.")
    classes: Tuple[str, ...] = option((), "Names of classes. Empty: all that have enough clips.")
    prior: float = option(0.001, "Share of the clips that a class is thinned to; one clip stays.", above=0, below=1)
    exemplars: int = option(5, "Exemplars of each class, each of a recording of its own.", at_least=1)
    candidates: int = option(100, "Candidates of each class.", at_least=1)
    trials: int = option(5, "How often exemplars and clips are drawn.", at_least=1)
    seed: int = option(0, "Seed of the draws.", at_least=0)
    output: str = option("", "Folder for results.json.")
    exemplar: ExemplarConfig = dataclasses.field(default_factory=ExemplarConfig)


@dataclasses.dataclass(frozen=True)
class FinetuningConfig(Config):
    """Fine-tuning on the folds of a data set, beside how the classifiers are trained."""

    output: str = option("", "Folder of the results and of everything that is made for them.")
    starts: Tuple[str, ...] = option(
        ("scratch",),
        "What networks start from: NAME=RUN with the run directory of a network of the same sizes, in which {fold} "
        "stands for the number of the held-out fold; NAME=FILE.h5 with the weights of --imagenet_weights; scratch: "
        "random weights.",
    )
    protocol: str = option(
        "",
        "Data set whose protocol is followed: folds and classes are checked, and missing folds are named. Empty: any "
        "records with folds.",
        ("", "esc10", "esc50", "urbansound8k", "dcase2013", "dcase2013_challenge"),
    )
    folds: Tuple[int, ...] = option((), "Folds to hold out and evaluate, one after the other. Empty: all.")
    train_folds: Tuple[int, ...] = option((), "Folds to train on. Empty: all but the held-out one.")
    seeds: Tuple[int, ...] = option((0,), "Training seeds, e.g. 0,1,2.", at_least=0, at_most=(1 << 32) - 1)
    epochs: int = option(30, "Epochs of each training.", at_least=1)
    only: Tuple[str, ...] = option((), "Names of starts to compute. Empty: all.")
    dry_run: bool = option(False, "Only list what is done and what there is to do.")


@dataclasses.dataclass(frozen=True)
class Hornauer2021Config(Config):
    """The curves of Hornauer et al. 2021, beside how networks are pre-trained and fine-tuned."""

    output: str = option("", "Folder of the results and of everything that is made for them.")
    data_sets: Tuple[str, ...] = option(
        (),
        "Records with folds, as NAME=GLOB for each data set, e.g. esc50=esc50/*.tfrecord. The names esc10, esc50, "
        "urbansound8k, dcase2013 and dcase2013_challenge stand for protocols: folds and classes are checked.",
    )
    held_out: Tuple[str, ...] = option(
        (),
        "Folds to hold out and evaluate, as NAME=FOLD, e.g. esc10=4,urbansound8k=1,urbansound8k=2. Networks are "
        "fine-tuned on the other folds of that data set. Empty: each fold of each data set.",
    )
    seeds: Tuple[int, ...] = option((0,), "Training seeds, e.g. 0,1,2.", at_least=0, at_most=(1 << 32) - 1)
    epochs: int = option(20, "Epochs of fine-tuning.", at_least=1)
    pretraining_steps: int = option(0, "Steps of pre-training. 0: those of the preset.", at_least=0)
    pretraining_learning_rate: float = option(
        0.0, "Peak learning rate of pre-training. 0: that of the preset.", at_least=0
    )
    only: Tuple[str, ...] = option((), "Names of starts to compute, such as scratch,all. Empty: all.")
    dry_run: bool = option(False, "Only list what is done and what there is to do.")
    loss: InstanceLossConfig = dataclasses.field(default_factory=InstanceLossConfig)
