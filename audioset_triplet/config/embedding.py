"""How audio is embedded or scored."""

import dataclasses
from typing import ClassVar, List, Tuple

from audioset_triplet.config.options import Config, option, require


@dataclasses.dataclass(frozen=True)
class EmbeddingModelConfig(Config):
    """Which model embeds, and what a model of others does not say about itself."""

    # What a model of others takes unless flags say otherwise: VGGish and YAMNet.
    DEFAULT_SAMPLE_RATE_HZ: ClassVar[int] = 16000
    DEFAULT_WINDOW_SECONDS: ClassVar[float] = 0.975
    DEFAULT_HOP_SECONDS: ClassVar[float] = 0.96

    model: str = option(
        "",
        "Folder of a model from experiments.export_model, in any of its formats, or somebody else's model: a "
        "SavedModel or .tflite file that maps a waveform to one vector per window, such as VGGish and YAMNet.",
    )
    output_name: str = option(
        "",
        "Of somebody else's model: the output that holds the embeddings; in a .tflite file any tensor. Scores embed "
        "too. Empty: the only output with one vector per window, or the one called embedding. A name that does not "
        "exist, such as list, shows which there are.",
    )
    signature: str = option(
        "",
        "Of somebody else's SavedModel: the signature or function to call. Empty: serving_default, else the model "
        "itself, else its only signature.",
    )
    sample_rate_hz: int = option(
        0, "Of somebody else's model: the sample rate that it takes. 0: 16000.", at_least=0, at_most=768000
    )
    channels: int = option(
        1,
        "Of somebody else's model: the channels that it takes, as the last axis of its input if there are several.",
        at_least=1,
        at_most=64,
    )
    window_seconds: float = option(
        0.0, "Of somebody else's model: audio per vector. 0: what it takes if that is fixed, else 0.975.", at_least=0
    )
    hop_seconds: float = option(
        0.0,
        "Of somebody else's model: from the start of a window to that of the next. 0: 0.96 if the window is 0.975, "
        "else the window.",
        at_least=0,
    )

    def check_rules(self) -> None:
        for name, least in (("sample_rate_hz", 1000), ("window_seconds", 0.01), ("hop_seconds", 0.001)):
            value = getattr(self, name)
            require(value == 0 or value >= least, f"--{name} must be 0 or at least {least}, not {value}.")

    def adapter_flags(self) -> List[str]:
        """The flags for models of others that have another value than their default."""
        fields = [field for field in dataclasses.fields(self) if field.name != "model"]
        return [f"--{field.name}" for field in fields if getattr(self, field.name) != field.default]


@dataclasses.dataclass(frozen=True)
class EmbeddingConfig(Config):
    """How an archive is embedded or scored."""

    what: str = option(
        "embeddings",
        "What is written of every window: its embedding, or the score of every class of a classifier.",
        ("embeddings", "scores"),
    )
    model: EmbeddingModelConfig = dataclasses.field(default_factory=EmbeddingModelConfig)
    format: str = option(
        "parquet",
        "How they are written: rows, or AudioSet's feature records, which hold embeddings.",
        ("parquet", "tfrecord"),
    )
    folds: Tuple[int, ...] = option((), "Only clips of these folds (of TFRecords), e.g. 1,2. Empty: all.")
    batch_size: int = option(
        0,
        "Windows per call of the model. 0: 64, or as many as have a million samples where these are fewer: 4 of "
        "three_band.",
        at_least=0,
    )
    uses_gpu: bool = True  # each worker process claims a GPU where there are some; else it uses what it finds

    def check_rules(self) -> None:
        is_stored = self.what == "embeddings" or self.format == "parquet"
        require(is_stored, "--format=tfrecord: AudioSet's feature records hold embeddings; leave it out for scores.")
