"""What `experiments.train_classifier` can be told."""

import dataclasses

from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.network import ClassifierNetworkConfig
from audioset_triplet.config.options import Config, option, require
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.config.waveforms import RANDOM_CROP, WaveformConfig

LOSSES = ("softmax", "sigmoid")
LEFT_OUT, NEGATIVE = "left_out", "negative"  # --dropped_windows


@dataclasses.dataclass(frozen=True)
class LabelConfig(Config):
    """Which labels a classifier learns from."""

    clips: str = option("", "File with one clip id per line: learn from these clips only. Empty: from all.")
    weak_labels: str = option(
        "",
        "CSV of experiments.export_ratings --what=weak_labels or experiments.label_clusters: learn from its clips, "
        "with the labels that it gives them instead of those of the records. A clip that it lacks is left out; one "
        "without a label there is a negative of all classes, for --loss=sigmoid. Empty: the labels of the records.",
    )
    frame_labels: str = option(
        "",
        "File of experiments.refine_labels: learn from the windows that keep labels, with the labels that they keep. "
        "A clip that it lacks, or gives other labels than the records, keeps its labels at every window. Empty: every "
        "window has the labels of its clip. Priors and balance are those of clips either way.",
    )
    dropped_windows: str = option(
        LEFT_OUT,
        "Windows that keep no label in --frame_labels. left_out: are not drawn. negative: are drawn like the others, "
        "and have no label; for --loss=sigmoid.",
        (LEFT_OUT, NEGATIVE),
    )

    def check_rules(self) -> None:
        require(
            bool(self.frame_labels) or self.dropped_windows == LEFT_OUT,
            "--dropped_windows has no effect without --frame_labels.",
        )
        require(
            not (self.frame_labels and self.weak_labels),
            "--frame_labels are of the labels of the records: give them, or --weak_labels.",
        )


@dataclasses.dataclass(frozen=True)
class BalanceConfig(Config):
    """How often clips of each class come."""

    class_balance: str = option(
        "none",
        "none: every clip once in an epoch. repeat: clips of rare classes several times, and those of frequent ones in "
        "some epochs only, so that all classes come about equally often (PSLA, Gong et al. 2021).",
        ("none", "repeat"),
    )
    max_repeats: int = option(
        0, "With --class_balance=repeat: how often a clip comes in an epoch at most. 0: no limit.", at_least=0
    )

    def check_rules(self) -> None:
        is_used = self.class_balance == "repeat"
        require(is_used or not self.max_repeats, "--max_repeats has no effect without --class_balance=repeat.")


@dataclasses.dataclass(frozen=True)
class AugmentationConfig(Config):
    """How windows are changed before a classifier learns from them."""

    mixup_alpha: float = option(
        0.0,
        "Mixup (Zhang et al. 2018): windows and their labels are mixed in pairs, in shares drawn from Beta(alpha, "
        "alpha). PANNs: 1; PSLA: 10. 0: none are mixed.",
        at_least=0,
    )
    mixup_share: float = option(
        1.0, "Share of the windows that --mixup_alpha mixes. PANNs: 1; PSLA: 0.5.", above=0, at_most=1
    )
    shift_bands: int = option(
        0,
        "Largest shift of a window in frequency, up or down, in bands (Jansen et al. 2018, section 3). 0: none is "
        "shifted.",
        at_least=0,
    )
    time_masks: int = option(
        0,
        "SpecAugment (Park et al. 2019): masks over successive frames of each window, filled with its mean. PANNs: 2.",
        at_least=0,
    )
    time_mask_frames: int = option(
        6, "Frames of the widest time mask. A window of log-mel has 96; PANNs: 64 of 1000.", at_least=1
    )
    band_masks: int = option(0, "SpecAugment: masks over successive bands of each window. PANNs: 2.", at_least=0)
    band_mask_bands: int = option(
        8, "Bands of the widest band mask. A window of log-mel has 64; PANNs: 8 of 64.", at_least=1
    )


@dataclasses.dataclass(frozen=True)
class ClassifierLossConfig(Config):
    """The loss of a classifier."""

    loss: str = option(
        "auto",
        "Loss of a window. softmax: for clips of exactly one label. sigmoid: each class by itself, as in "
        "Hershey et al. 2017. auto: softmax where every clip has exactly one label, else sigmoid.",
        ("auto", *LOSSES),
    )
    prior_exponent: float = option(
        0.0,
        "beta: the loss of a positive is weighted by (mean prior / prior of its class)^beta, which raises the scores "
        "of rare classes; negatives are not weighted. The prior of a class is the share of the clips that have it. 0: "
        "no weights; 1: as if all classes were equally frequent.",
        at_least=0,
        at_most=2,
    )
    weights_from: float = option(
        0.0,
        "Share of the steps before the weights of --prior_exponent begin; up to then all weigh 1 (deferred "
        "re-weighting, Cao et al. 2019, section 3.3). 0: from the first step.",
        at_least=0,
        below=1,
    )
    priors: str = option(
        "",
        "coverage.json, beside the records, from which --prior_exponent takes the priors. Empty: from the clips of the "
        "run.",
    )

    def check_rules(self) -> None:
        require(not self.priors or self.prior_exponent > 0, "--priors has no effect without --prior_exponent.")


@dataclasses.dataclass(frozen=True)
class StartConfig(Config):
    """What a classifier starts from, and what of it learns."""

    start_from: str = option(
        "", "Run directory of a network of the same sizes, whose weights the run starts with. Empty: random weights."
    )
    trained_layers: str = option(
        "all",
        "all: fine-tune all layers. head: only those above the network, bottleneck and classes; needs --start_from or "
        "--imagenet_weights.",
        ("all", "head"),
    )


@dataclasses.dataclass(frozen=True)
class ClassifierConfig(Config):
    """Everything that decides what `experiments.train_classifier` learns."""

    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    start: StartConfig = dataclasses.field(default_factory=StartConfig)
    labels: LabelConfig = dataclasses.field(default_factory=LabelConfig)
    balance: BalanceConfig = dataclasses.field(default_factory=BalanceConfig)
    waveforms: WaveformConfig = dataclasses.field(default_factory=WaveformConfig)
    augmentation: AugmentationConfig = dataclasses.field(default_factory=AugmentationConfig)
    loss: ClassifierLossConfig = dataclasses.field(default_factory=ClassifierLossConfig)
    network: ClassifierNetworkConfig = dataclasses.field(default_factory=ClassifierNetworkConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)

    def check_rules(self) -> None:
        require(
            self.start.trained_layers == "all" or bool(self.start.start_from or self.network.imagenet_weights),
            "--trained_layers=head needs a network that has learned: --start_from or --imagenet_weights.",
        )
        require(
            not self.labels.frame_labels or self.waveforms == RANDOM_CROP,
            "--frame_labels are of windows as they are in the clips: without --time_scale, --random_padding, "
            "--random_crop=false and --reversed_share.",
        )
