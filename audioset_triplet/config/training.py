"""How a network trains, whatever its objective."""

import dataclasses
from typing import Any, Protocol, Tuple

from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.config.options import Config, option, require


@dataclasses.dataclass(frozen=True)
class TrainingConfig(Config):
    """One training run."""

    batch_size: int = option(
        128,
        "Examples (triplets or windows) per step, over all devices together; at least 2, because an example needs "
        "others as negatives and for batch normalization.",
        at_least=2,
    )
    steps: int = option(100_000, "Training steps.", at_least=1)
    optimizer: str = option("adam", "Optimizer. lamb: for very large batches.", ("adam", "sgd", "lamb"))
    learning_rate: float = option(1e-4, "Peak learning rate.", above=0)
    schedule: str = option(
        "constant",
        "Learning rate after the warm-up. cosine: falls to 0 at the end of the run. step: a tenth of what it was after "
        "each of --drops. exponential: by the same factor in every step, to --final_share at the end of the run.",
        ("constant", "cosine", "step", "exponential"),
    )
    drops: Tuple[float, ...] = option(
        (0.5, 0.75),
        "Shares of the steps after the warm-up at which --schedule=step drops the learning rate. Wu et al. 2018: "
        "0.6,0.8.",
        above=0,
        below=1,
    )
    final_share: float = option(
        0.01,
        "Share of the peak to which --schedule=exponential falls. With a factor per epoch, as published ones are: "
        "factor^epochs.",
        above=0,
        at_most=1,
    )
    warmup_steps: int = option(0, "Steps in which the learning rate rises to its peak.", at_least=0)
    momentum: float = option(0.9, "Momentum of sgd.", at_least=0, below=1)
    weight_decay: float = option(
        0.0,
        "Weight decay, decoupled from the gradient and multiplied by the learning rate; biases and normalization do "
        "not decay.",
        at_least=0,
    )
    clip_norm: float = option(0.0, "Largest norm of the gradients over all weights; 0: no limit.", at_least=0)
    moving_average: float = option(
        0.0,
        "Decay of a moving average of the weights, for example 0.999 (less in the first steps). The average is then "
        "what is evaluated and exported. 0: no average.",
        at_least=0,
        below=1,
    )
    average_from: float = option(
        0.0,
        "Share of the steps after which the weights are averaged, each step alike (Izmailov et al. 2018; PSLA averages "
        "the last half): 0.5 averages the second half of the run. The average is then what is evaluated and exported. "
        "0: no average.",
        at_least=0,
        below=1,
    )
    precision: str = option(
        "float32",
        "Precision of the network's layers; weights, front end, distances, mining and loss stay float32. "
        "mixed_float16 scales the loss and skips steps in which it overflows.",
        ("float32", "mixed_bfloat16", "mixed_float16"),
    )
    seed: int = option(0, "Seed of initial weights, order and sampling.", at_least=0, at_most=(1 << 32) - 1)
    strategy: str = option(
        "auto",
        "Devices: auto takes every GPU, or the CPU where there is none.",
        ("auto", "one", "mirrored", "multi_worker", "tpu"),
    )
    deterministic: bool = option(
        False, "The same weights, bit for bit, from every run of the same command, interrupted or not."
    )
    jit_compile: bool = option(False, "Compile a step with XLA, on one device (a TPU always does).")
    checkpoint_every_steps: int = option(250, "Steps between two checkpoints.", at_least=1)
    log_every_steps: int = option(50, "Steps between two lines of metrics.jsonl.", at_least=1)

    def check_rules(self) -> None:
        require(
            self.warmup_steps < self.steps,
            f"--warmup_steps must be fewer than --steps={self.steps}, not {self.warmup_steps}: where a preset sets it, "
            "give it too.",
        )
        require(
            not (self.moving_average and self.average_from),
            "--moving_average and --average_from are two averages of the weights: give one of them.",
        )

    @property
    def is_averaged(self) -> bool:
        """Whether checkpoints have averages of the weights, which are what is evaluated and exported."""
        return bool(self.moving_average or self.average_from)


class RunConfig(Protocol):
    """What the configs of all objectives share: a frozen dataclass with at least these fields."""

    @property
    def data(self) -> Any: ...  # a config with WHERE, as `DataConfig` has it

    @property
    def training(self) -> TrainingConfig: ...


class RecordsConfig(RunConfig, Protocol):
    """What the configs of objectives that learn from records share."""

    @property
    def data(self) -> DataConfig: ...

    @property
    def network(self) -> NetworkConfig: ...
