"""What `experiments.label_curve` can be told (Jansen et al. 2020, evaluation 3)."""

import dataclasses
from typing import Dict, Tuple

from audioset_triplet.config.evaluation import HeadConfig, SupervisedConfig
from audioset_triplet.config.labelling import SelectionConfig
from audioset_triplet.config.options import Config, option, require
from audioset_triplet.config.search import ExemplarConfig

CLUSTERS, SWITCH, MARGIN, UNCERTAIN, MINED = "clusters", "switch", "margin", "uncertain", "mined"


@dataclasses.dataclass(frozen=True)
class PoolConfig(Config):
    """The clips that can be asked about."""

    ratios: Tuple[float, ...] = option(
        (),
        "Clips of the commonest class for each clip of the rarest, by a Zipf law to which the classes are thinned: "
        "10,100,1000, a curve for each. Empty: one curve, of all clips.",
        at_least=1,
    )
    rarest: Tuple[int, ...] = option(
        (1,), "Clips of the rarest class (--ratios): a number for all ratios, or one for each.", at_least=1
    )
    outside: Tuple[str, ...] = option(
        (),
        "Folders of other clips, embedded with the same model, among those to annotate: of none of the classes. With "
        "--ratios they are the commonest class.",
    )
    outside_except: Tuple[str, ...] = option(
        (),
        "Classes of --outside that are classes to learn under another name, e.g. dog_bark where there is dog: their "
        "clips are left out, as are those of classes of the same name.",
    )

    @property
    def rarest_of(self) -> Dict[float, int]:
        """Ratio -> clips of the rarest class."""
        numbers = self.rarest if len(self.rarest) > 1 else self.rarest * len(self.ratios)
        return dict(zip(self.ratios, numbers))

    def check_rules(self) -> None:
        require(len(set(self.ratios)) == len(self.ratios), "--ratios names a ratio twice.")
        require(
            len(self.rarest) in {1, len(self.ratios)},
            f"--rarest needs one number, or one for each of the {len(self.ratios)} --ratios, not {len(self.rarest)}.",
        )
        require(not self.outside_except or bool(self.outside), "--outside_except needs --outside.")


@dataclasses.dataclass(frozen=True)
class StrategiesConfig(Config):
    """Which clips are asked about."""

    strategies: Tuple[str, ...] = option(
        (CLUSTERS,),
        "What to compare with random clips. clusters: one clip of each of the largest clusters, for the whole cluster "
        "(--clusterings). switch: the same, as long as it is worth more than single clips. margin, uncertain: rounds "
        "of the clips that a classifier is least sure of, by its two highest probabilities or by the entropy of all. "
        "mined: the clips most similar to an exemplar of each class.",
        (CLUSTERS, SWITCH, MARGIN, UNCERTAIN, MINED),
    )
    of_a_round: int = option(25, "Questions between two trainings of the classifier (margin, uncertain).", at_least=1)
    single_every: int = option(
        2, "Every so many questions one is about a random clip, to compare clusters with (switch).", at_least=2
    )
    worth: float = option(
        1.0,
        "Clusters are asked about as long as one is expected to add so many times what a single clip adds (switch).",
        above=0,
    )

    def check_rules(self) -> None:
        require(len(self.strategies) > 0, "--strategies needs the name of one.")


@dataclasses.dataclass(frozen=True)
class LabelCurveConfig(SupervisedConfig):
    """The curve of mAP against the number of annotated clips (Jansen et al. 2020, evaluation 3)."""

    embeddings: str = option("", "Folder that experiments.embed wrote: the clips to evaluate.")
    train_embeddings: str = option("", "Folder of the clips to learn from. Empty: that of --embeddings.")
    clusterings: Tuple[str, ...] = option(
        (),
        "Clusterings: NAME=FOLDER or NAME=GLOB of folders of assignments; or NAME=entropy:N, NAME=kmeans:N, made of "
        "the clips that can be asked about, with a cluster for every N of them.",
    )
    budgets: Tuple[int, ...] = option(
        (), "Numbers of annotated clips. Empty: all clips, half of them, a quarter, and so on.", at_least=1
    )
    trials: int = option(5, "How often clips are drawn and a classifier is trained, for each number.", at_least=1)
    annotated_weight: float = option(
        1.0,
        "Weight in training of an annotated clip; a clip that got its labels from it has weight 1 (clusters).",
        at_least=0,
    )
    classifier: str = option(
        "fc",
        "What learns from the labels: fc, fully connected on windows (--hidden_*, --head_*); linear, logistic "
        "regression on clip vectors, which takes milliseconds. Rounds (margin, uncertain) always ask the linear one.",
        ("fc", "linear"),
    )
    penalty: float = option(0.1, "Weight of the squared weights of the linear classifier.", above=0)
    output: str = option("", "Folder for results.json and report.html.")
    pool: PoolConfig = dataclasses.field(default_factory=PoolConfig)
    strategy: StrategiesConfig = dataclasses.field(default_factory=StrategiesConfig)
    selection: SelectionConfig = dataclasses.field(default_factory=SelectionConfig)
    exemplar: ExemplarConfig = dataclasses.field(default_factory=ExemplarConfig)
    head: HeadConfig = dataclasses.field(default_factory=HeadConfig)
