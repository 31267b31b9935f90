"""What a run can be told: one frozen dataclass per stage, checked when it is made.

The fields are the single source of the command-line flags (`audioset_triplet.command_line`), of `config.json`
in a work directory and of the presets (`audioset_triplet.options` says what a field consists of).
"""

import dataclasses
import math
import re
from typing import Any, ClassVar, Protocol, Tuple

from audioset_triplet.options import option, require

UNSUPERVISED_METHODS = ("noise", "translation", "mixing", "proximity")
METHODS = UNSUPERVISED_METHODS + ("labels", "joint")
COMBINED_METHODS = ("joint", "labels")  # for which combination=pairs has a meaning
SAMPLING_DEVICES = ("host", "accelerator")
OPTIMIZERS = ("adam", "sgd", "lamb")
SCHEDULES = ("constant", "cosine", "step")
CANDIDATES = ("all", "device")
BATCH_NORMS = ("device", "all")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
UNITS = ("windows", "clips")
CLUSTERINGS = ("entropy", "kmeans")
STRATEGIES = ("auto", "one", "mirrored", "multi_worker", "tpu")


_SERVICE = re.compile(r"grpc://[^/:]+:\d+")


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which records are read, and in what order."""

    WHERE: ClassVar[Tuple[str, ...]] = ("data", "data_service")  # fields that say where they are, not which

    data: str = option("", "TFRecords to read: a glob, or several separated by commas.")
    folds: Tuple[int, ...] = option((), "Only clips of these folds, e.g. 1,2,3. Empty: all clips.")
    shuffle_clips: int = option(2000, "Clips held in the shuffle buffer (about 0.3 MB each at ten seconds).")
    cuts_per_clip: int = option(
        1,
        "How many examples are cut from a clip each time it is read. 1: every example of a pass is from another clip. "
        "More, where reading is what is slow: they are shuffled apart again.",
    )
    data_service: str = option(
        "",
        "Address of a tf.data service that makes the batches on other machines, grpc://HOST:PORT "
        "(experiments.serve_data starts one); it has to see the files of --data under the same names. Empty: this "
        "process makes them.",
    )

    def __post_init__(self) -> None:
        for name in ("shuffle_clips", "cuts_per_clip"):
            require(getattr(self, name) >= 1, f"--{name} must be at least 1, not {getattr(self, name)}.")
        require(
            not self.data_service or _SERVICE.fullmatch(self.data_service) is not None,
            f"--data_service must be grpc://HOST:PORT, not {self.data_service!r}.",
        )


@dataclasses.dataclass(frozen=True)
class SamplingConfig:
    """How triplets are made (Jansen et al. 2018, section 3)."""

    method: str = option("joint", "How positives are made.", METHODS)
    shares: Tuple[float, ...] = option(
        (1.0, 1.0, 1.0, 1.0),
        "Relative shares of noise, translation, mixing and proximity in the joint method.",
    )
    combination: str = option(
        "rows",
        "rows: every triplet by one method, as published. pairs (of joint and labels): both windows of every triplet, "
        "two of one recording (joint) or class (labels), are mixed, translated and made noisy.",
        ("rows", "pairs"),
    )
    noise_sigma: float = option(0.5, "Standard deviation of the Gaussian that scales each energy.")
    shift_bands: int = option(10, "Largest shift in frequency, in mel bands.")
    mixing_alpha: float = option(0.25, "Energy of the mixed-in example relative to the anchor's; of pairs: at most.")
    proximity_seconds: float = option(10.0, "Largest distance in time between anchor and positive.")
    sampling_device: str = option(
        "host",
        "Where log-mel is computed and triplets are made: by the input pipeline, or in the training step, to which the "
        "host then sends samples alone. The same triplets for the same seed on one device; of several each samples its "
        "own part of the batch.",
        SAMPLING_DEVICES,
    )

    def __post_init__(self) -> None:
        require(self.method in METHODS, f"--method must be one of {', '.join(METHODS)}, not {self.method!r}.")
        require(
            len(self.shares) == len(UNSUPERVISED_METHODS) and min(self.shares) >= 0 and 0 < sum(self.shares) < math.inf,
            f"--shares needs four non-negative numbers that are not all zero ({', '.join(UNSUPERVISED_METHODS)}).",
        )
        require(
            self.combination in ("rows", "pairs"), f"--combination must be rows or pairs, not {self.combination!r}."
        )
        require(
            self.combination == "rows" or self.method in COMBINED_METHODS,
            f"--combination=pairs needs --method={' or '.join(COMBINED_METHODS)}: {self.method} stands alone.",
        )
        require(
            self.combination == "rows" or len(set(self.shares)) == 1,
            "--shares divides rows among methods: it needs --combination=rows.",
        )
        require(0 <= self.noise_sigma < math.inf, f"--noise_sigma must be 0 or more, not {self.noise_sigma}.")
        require(0 <= self.shift_bands < 64, f"--shift_bands must be between 0 and 63, not {self.shift_bands}.")
        require(0 <= self.mixing_alpha < math.inf, f"--mixing_alpha must be 0 or more, not {self.mixing_alpha}.")
        require(
            self.proximity_seconds > 0.96,
            f"--proximity_seconds must be longer than one window of 0.96 s, not {self.proximity_seconds}.",
        )
        require(
            self.sampling_device in SAMPLING_DEVICES,
            f"--sampling_device must be {' or '.join(SAMPLING_DEVICES)}, not {self.sampling_device!r}.",
        )


@dataclasses.dataclass(frozen=True)
class BackboneConfig:
    """The ResNet-50 that every network here has in common (Hershey et al. 2017, section 3.1)."""

    width: float = option(1.0, "Multiplier of every channel count of the ResNet-50.")
    stem_stride: int = option(1, "Stride of the first convolution: 1 as published, 2 for small machines.")
    blocks: Tuple[int, ...] = option((3, 4, 6, 3), "Blocks of the four stages; 3,4,6,3: the ResNet-50, as published.")
    batch_norm: str = option(
        "device",
        "What batch normalisation takes mean and variance of: device: each device's own part of the batch. all: the "
        "batch of all devices, so that a step does not depend on how many there are; slower.",
        BATCH_NORMS,
    )

    def __post_init__(self) -> None:
        require(0 < self.width < math.inf, f"--width must be positive, not {self.width}.")
        require(
            self.batch_norm in BATCH_NORMS,
            f"--batch_norm must be {' or '.join(BATCH_NORMS)}, not {self.batch_norm!r}.",
        )
        require(self.stem_stride in (1, 2), f"--stem_stride must be 1 or 2, not {self.stem_stride}.")
        require(
            len(self.blocks) == 4 and min(self.blocks) >= 1,
            f"--blocks needs four numbers of at least 1, not {','.join(map(str, self.blocks))}.",
        )


@dataclasses.dataclass(frozen=True)
class ModelConfig(BackboneConfig):
    """The network from a log-mel window to an embedding (Jansen et al. 2018: a linear layer of 128 units)."""

    embedding_size: int = option(128, "Dimensions of the embedding.")

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.embedding_size >= 1, f"--embedding_size must be at least 1, not {self.embedding_size}.")


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """The loss on triplets or pairs, and where its negatives come from."""

    loss: str = option(
        "triplet",
        "triplet: a hinge against one negative (Jansen et al. 2018, equation 1). nt_xent: a softmax against all "
        "negatives (Chen et al. 2020, equation 1).",
        ("triplet", "nt_xent"),
    )
    margin: float = option(0.1, "Of the triplet loss: the margin of the hinge on squared distances.")
    negatives: str = option(
        "semi_hard",
        "Of the triplet loss. semi_hard: mined in the batch. own: the negative that the triplet was made with.",
        ("semi_hard", "own"),
    )
    candidates: str = option(
        "all",
        "Where negatives are looked for: in the batch of all devices, so that a step does not depend on how many there "
        "are, or in each device's own part.",
        CANDIDATES,
    )
    temperature: float = option(
        0.1, "Of nt_xent: what cosines are divided by (0.1 is the best of Chen et al. 2020, table 5)."
    )

    def __post_init__(self) -> None:
        require(self.loss in ("triplet", "nt_xent"), f"--loss must be triplet or nt_xent, not {self.loss!r}.")
        require(0 < self.margin < math.inf, f"--margin must be positive, not {self.margin}.")
        require(
            self.negatives in ("semi_hard", "own"),
            f"--negatives must be semi_hard or own, not {self.negatives!r}.",
        )
        require(
            self.loss == "triplet" or self.negatives == "semi_hard",
            "--negatives=own needs --loss=triplet: nt_xent takes all negatives of the batch.",
        )
        require(
            self.candidates in CANDIDATES, f"--candidates must be {' or '.join(CANDIDATES)}, not {self.candidates!r}."
        )
        require(0 < self.temperature < math.inf, f"--temperature must be positive, not {self.temperature}.")


@dataclasses.dataclass(frozen=True)
class ClusteringConfig:
    """The softmax head of clusters on the embedding, and its loss (Jansen et al. 2020, section 3.2)."""

    num_clusters: int = option(1024, "Clusters of the head, K; the paper goes up to a million.")
    gamma: float = option(
        1.1,
        "What the entropy of the mean assignment is weighed with: above 1 it matters more that all clusters are used, "
        "below 1 that each example is sure. The paper's value is not known.",
    )
    cluster_scale: float = option(
        0.0,
        "Length of a row of the head in the beginning: how much a logit is of a cosine. 0: ln K + 5, with which a "
        "cosine of 1 outweighs all others, if they are near 0. A choice of this project.",
    )

    def __post_init__(self) -> None:
        require(
            2 <= self.num_clusters < 1 << 31,
            f"--num_clusters must be at least 2 and below {1 << 31}, not {self.num_clusters}.",
        )
        require(0 <= self.gamma < math.inf, f"--gamma must be 0 or more, not {self.gamma}.")
        require(0 <= self.cluster_scale < math.inf, f"--cluster_scale must be 0 or more, not {self.cluster_scale}.")


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """One training run."""

    batch_size: int = option(128, "Examples (triplets or windows) per step, over all devices together.")
    steps: int = option(100_000, "Training steps.")
    optimizer: str = option("adam", "How weights follow gradients. lamb: for very large batches.", OPTIMIZERS)
    learning_rate: float = option(1e-4, "Peak learning rate.")
    schedule: str = option(
        "constant",
        "Learning rate behind the warm-up. cosine: falls to 0 at the end of the run. step: a tenth from half of the "
        "way, a hundredth from three quarters.",
        SCHEDULES,
    )
    warmup_steps: int = option(0, "Steps in which the learning rate rises to its peak.")
    momentum: float = option(0.9, "Of sgd: what is kept of the step before.")
    weight_decay: float = option(
        0.0, "Decoupled from the gradient, times the learning rate; biases and normalisation are left alone."
    )
    clip_norm: float = option(0.0, "Shorten gradients whose norm over all weights is above this; 0: never.")
    moving_average: float = option(
        0.0,
        "What is kept in each step of a moving average of the weights, for example 0.999 (less in the first steps). "
        "The average is then what is evaluated and exported. 0: no average.",
    )
    precision: str = option(
        "float32",
        "What the network computes in; its weights, the front end, distances, mining and the loss stay float32. "
        "mixed_float16 scales the loss and leaves out steps in which that overflows.",
        PRECISIONS,
    )
    seed: int = option(0, "Seed of initial weights, order and sampling.")
    strategy: str = option("auto", "Devices: auto takes every GPU, or the CPU where there is none.", STRATEGIES)
    deterministic: bool = option(
        False, "The same weights, bit for bit, from every run of the same command, interrupted or not."
    )
    jit_compile: bool = option(False, "Compile a step with XLA, on one device (a TPU always does).")
    checkpoint_every_steps: int = option(250, "Steps between two checkpoints.")
    log_every_steps: int = option(50, "Steps between two lines of metrics.jsonl.")

    def __post_init__(self) -> None:
        for name in ("steps", "checkpoint_every_steps", "log_every_steps"):
            require(getattr(self, name) >= 1, f"--{name} must be at least 1, not {getattr(self, name)}.")
        require(
            self.batch_size >= 2,
            f"--batch_size must be at least 2, not {self.batch_size}: an example needs others beside it, as negatives "
            "and to be normalised with.",
        )
        require(0 <= self.seed < 1 << 32, f"--seed must be between 0 and {(1 << 32) - 1}, not {self.seed}.")
        require(0 < self.learning_rate < math.inf, f"--learning_rate must be positive, not {self.learning_rate}.")
        require(
            self.optimizer in OPTIMIZERS, f"--optimizer must be one of {', '.join(OPTIMIZERS)}, not {self.optimizer!r}."
        )
        require(self.schedule in SCHEDULES, f"--schedule must be one of {', '.join(SCHEDULES)}, not {self.schedule!r}.")
        require(
            0 <= self.warmup_steps < self.steps,
            f"--warmup_steps must be at least 0 and fewer than --steps={self.steps}, not {self.warmup_steps}: "
            "where a preset has set it, give it too.",
        )
        for name in ("momentum", "moving_average"):
            require(0 <= getattr(self, name) < 1, f"--{name} must be in [0, 1), not {getattr(self, name)}.")
        require(
            self.precision in PRECISIONS,
            f"--precision must be one of {', '.join(PRECISIONS)}, not {self.precision!r}.",
        )
        for name in ("weight_decay", "clip_norm"):
            value = getattr(self, name)
            require(0 <= value < math.inf, f"--{name} must be 0 or more, not {value}.")
        require(
            self.strategy in STRATEGIES, f"--strategy must be one of {', '.join(STRATEGIES)}, not {self.strategy!r}."
        )


@dataclasses.dataclass(frozen=True)
class TripletConfig:
    """Everything that decides what `experiments.train_triplet` computes."""

    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    sampling: SamplingConfig = dataclasses.field(default_factory=SamplingConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)


@dataclasses.dataclass(frozen=True)
class LabelConfig:
    """Which labels a classifier learns from."""

    clips: str = option("", "File with one clip id per line: only these clips are learned from. Empty: all.")


@dataclasses.dataclass(frozen=True)
class ClassifierConfig:
    """Everything that decides what `experiments.train_classifier` learns."""

    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    labels: LabelConfig = dataclasses.field(default_factory=LabelConfig)
    model: BackboneConfig = dataclasses.field(default_factory=BackboneConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)


@dataclasses.dataclass(frozen=True)
class StoredConfig:
    """Which stored embeddings are learned from."""

    WHERE: ClassVar[Tuple[str, ...]] = ("embeddings",)

    embeddings: str = option("", "Folder of embeddings that experiments.embed wrote.")
    unit: str = option("windows", "What is clustered: windows, or whole clips, by the means of theirs.", UNITS)
    folds: Tuple[int, ...] = option((), "Only clips of these folds, e.g. 1,2,3. Empty: all clips.")

    def __post_init__(self) -> None:
        require(self.unit in UNITS, f"--unit must be {' or '.join(UNITS)}, not {self.unit!r}.")


@dataclasses.dataclass(frozen=True)
class ClusterConfig:
    """Everything that decides what `experiments.cluster --task=train` computes."""

    data: StoredConfig = dataclasses.field(default_factory=StoredConfig)
    method: str = option(
        "entropy",
        "entropy: the clustering loss (Jansen et al. 2020, section 3.2). kmeans: mini-batch k-means on the same "
        "batches, for comparison; of the settings of training it has batches, steps and seed.",
        CLUSTERINGS,
    )
    clustering: ClusteringConfig = dataclasses.field(default_factory=ClusteringConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        require(self.method in CLUSTERINGS, f"--method must be {' or '.join(CLUSTERINGS)}, not {self.method!r}.")


@dataclasses.dataclass(frozen=True)
class PictureConfig:
    """The network from a picture to an embedding: a ResNet-50 as of sound, of the same `width`."""

    pictures: bool = option(
        True, "Whether the clips have pictures. false: sound alone, of which stages 2 to 4 make what they can."
    )
    image_size: int = option(128, "Pixels of a side, to which pictures are scaled.")
    alter_pictures: bool = option(
        True,
        "Cut out, mirror and recolour pictures at random in training, so that few of them are not learned by heart.",
    )
    image_stem_stride: int = option(2, "Stride of the first convolution on pictures: 2 as published.")

    def __post_init__(self) -> None:
        require(self.image_size >= 32, f"--image_size must be at least 32, not {self.image_size}.")
        require(self.image_stem_stride in (1, 2), f"--image_stem_stride must be 1 or 2, not {self.image_stem_stride}.")


@dataclasses.dataclass(frozen=True)
class CoincidenceTermsConfig:
    """What a stage of the curriculum learns, and from where it starts (Jansen et al. 2020, section 3)."""

    av_weight: float = option(1.0, "Weight of audio-visual coincidence: a window and a picture.")
    aa_weight: float = option(1.0, "Weight of audio-audio coincidence: two windows.")
    cluster_weight: float = option(1.0, "Weight of the clustering, from stage 3 on.")
    class_weight: float = option(1.0, "Weight of the classification by weak labels, in stage 4.")
    coincidence_seconds: float = option(
        10.0, "How far apart two things of one recording may be that coincide (dT in the paper, which gives no value)."
    )
    coincidence_units: int = option(512, "Hidden units of the network that says whether two embeddings coincide.")
    start_from: str = option("", "Work directory whose networks the run starts with. Empty: from random weights.")

    def __post_init__(self) -> None:
        for name in ("av_weight", "aa_weight", "cluster_weight", "class_weight"):
            value = getattr(self, name)
            require(0 <= value < math.inf, f"--{name} must be 0 or more, not {value}.")
        require(
            self.coincidence_seconds > 0.96,
            f"--coincidence_seconds must be longer than one window of 0.96 s, not {self.coincidence_seconds}.",
        )
        require(self.coincidence_units >= 1, f"--coincidence_units must be at least 1, not {self.coincidence_units}.")


@dataclasses.dataclass(frozen=True)
class WeakLabelConfig:
    """Labels that come from elsewhere than the records, as those that are propagated in clusters."""

    weak_labels: str = option(
        "", "CSV with the columns clip_id, label and label_name, as experiments.consolidate writes it; for stage 4."
    )


@dataclasses.dataclass(frozen=True)
class CoincidenceConfig:
    """Everything that decides what a stage of `experiments.train_coincidence` computes."""

    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    pictures: PictureConfig = dataclasses.field(default_factory=PictureConfig)
    terms: CoincidenceTermsConfig = dataclasses.field(default_factory=CoincidenceTermsConfig)
    clustering: ClusteringConfig = dataclasses.field(default_factory=ClusteringConfig)
    labels: WeakLabelConfig = dataclasses.field(default_factory=WeakLabelConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)


class RunConfig(Protocol):
    """What the configs of all objectives have in common: a frozen dataclass with at least these fields."""

    @property
    def data(self) -> Any: ...  # a config with WHERE, as `DataConfig` has it

    @property
    def training(self) -> TrainingConfig: ...


class RecordsConfig(RunConfig, Protocol):
    """What the configs of objectives that learn from records have in common."""

    @property
    def data(self) -> DataConfig: ...


@dataclasses.dataclass(frozen=True)
class HeadConfig:
    """The fully connected classifier on frozen embeddings (Jansen et al. 2018, section 4: one layer of 512 units)."""

    hidden_layers: int = option(1, "Hidden layers of the classifier; the paper's comparison on log-mel has 4.")
    hidden_units: int = option(512, "Units of each hidden layer of the classifier.")
    head_epochs: int = option(30, "Passes of the classifier's training over its windows; of millions one is enough.")
    head_min_steps: int = option(300, "Training steps of the classifier at least, however few windows there are.")
    head_batch_size: int = option(128, "Windows per training step of the classifier.")
    head_learning_rate: float = option(1e-3, "Learning rate of the classifier (Adam) at the start; falls to 0.")
    head_dropout: float = option(0.5, "Share of the units of the last hidden layer that is dropped in training.")

    def __post_init__(self) -> None:
        for name in ("hidden_units", "head_epochs", "head_min_steps", "head_batch_size"):
            require(getattr(self, name) >= 1, f"--{name} must be at least 1, not {getattr(self, name)}.")
        require(self.hidden_layers >= 0, f"--hidden_layers must be 0 or more, not {self.hidden_layers}.")
        require(
            0 < self.head_learning_rate < math.inf,
            f"--head_learning_rate must be positive, not {self.head_learning_rate}.",
        )
        require(0 <= self.head_dropout < 1, f"--head_dropout must be in [0, 1), not {self.head_dropout}.")
