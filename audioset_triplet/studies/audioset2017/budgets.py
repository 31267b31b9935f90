"""How many steps a row is trained: as many as --steps, or as many as fit into a number of core-minutes.

A budget of core-minutes is the same wall time on the same cores for every architecture. A warm-up trains each for a
short time, measures its steps with all that belongs to them (reading, features, gradients), and keeps the result:

    OUTPUT/budgets/resnet50.json

What is there is not measured again, so that a study that goes on has the same steps.
"""

import dataclasses
import os
import tempfile
import time
from typing import Callable, Dict, List, Optional, Sequence

import tensorflow as tf

from audioset_triplet import files
from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.errors import UserError
from audioset_triplet.training import classifier

_LEFT_OUT_STEPS = 5  # the first ones: the first is compiled, and the next ones find full buffers
_LEAST_STEPS = 5  # that are measured
_MOST_SECONDS, _SHARE = 30.0, 0.05  # of a warm-up: the less of both, the latter a share of the budget
_UNREACHED_STEPS = 1_000_000


class StepTimes(tf.keras.callbacks.Callback):
    """Measures the steps of a run.

    Attributes:
        ends: when each step ended, in seconds.
    """

    def __init__(self, seconds: Optional[float] = None, clock: Callable[[], float] = time.monotonic) -> None:
        """
        Args:
            seconds: of steps to measure, after which the run is ended by `Enough`; None: it goes on to its end.
            clock: tells the time in seconds.
        """
        super().__init__()
        self._seconds, self._clock = seconds, clock
        self.ends: List[float] = []

    @property
    def num_measured(self) -> int:
        return max(0, len(self.ends) - _LEFT_OUT_STEPS)

    @property
    def mean_seconds(self) -> Optional[float]:
        """Of a step; None where too few were made."""
        if self.num_measured < _LEAST_STEPS:
            return None
        return (self.ends[-1] - self.ends[_LEFT_OUT_STEPS - 1]) / self.num_measured

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        self.ends.append(self._clock())
        mean = self.mean_seconds
        if self._seconds is not None and mean is not None and mean * self.num_measured >= self._seconds:
            raise Enough


class Enough(Exception):
    """Ends a warm-up."""


@dataclasses.dataclass(frozen=True)
class Budget:
    """The budget of a row."""

    output: str  # folder of the study
    core_minutes: float  # 0: the steps of the config
    cores: int

    @property
    def seconds(self) -> float:
        """Of wall time."""
        return self.core_minutes * 60 / self.cores

    def steps_within(self, step_seconds: float) -> int:
        """How many steps of this length fit; one at least."""
        return max(1, int(self.seconds / step_seconds))

    def known_steps(self, config: ClassifierConfig) -> Optional[int]:
        """The steps of a row with this config; None: its architecture has not been measured yet.

        Raises:
            UserError: a damaged file.
        """
        if not self.core_minutes:
            return config.training.steps
        path = self._path(config)
        if not os.path.exists(path):
            return None
        try:
            return int(files.read_json_object(path)["steps"])
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}: damaged ({error}); remove it, and the steps are measured again.") from error

    def steps(self, config: ClassifierConfig, clips: Sequence[ClipInfo]) -> int:
        """The steps of a row with this config; measures its architecture on these clips if that was not done yet."""
        known = self.known_steps(config)
        if known is not None:
            return known
        step_seconds = self._measure(config, clips)
        measured = {
            "step_seconds": step_seconds,
            "steps": self.steps_within(step_seconds),
            "core_minutes": self.core_minutes,
            "cores": self.cores,
        }
        os.makedirs(os.path.dirname(self._path(config)), exist_ok=True)
        files.write_json(self._path(config), measured)
        return self.steps(config, clips)

    def measured(self, architectures: Sequence[str]) -> Dict[str, Dict[str, float]]:
        """Architecture -> what its file says, of those that were measured."""
        paths = {name: os.path.join(self.output, "budgets", f"{name}.json") for name in architectures}
        return {name: files.read_json_object(path) for name, path in paths.items() if os.path.exists(path)}

    def _measure(self, config: ClassifierConfig, clips: Sequence[ClipInfo]) -> float:
        """The seconds of a step."""
        print(f"{config.network.architecture}: a warm-up measures the time of a step", flush=True)
        training = dataclasses.replace(
            config.training,
            steps=_UNREACHED_STEPS,
            checkpoint_every_steps=_UNREACHED_STEPS,
            log_every_steps=_UNREACHED_STEPS,
        )
        times = StepTimes(min(_MOST_SECONDS, _SHARE * self.seconds))
        tf.keras.backend.clear_session()  # frees the networks of other rows
        with tempfile.TemporaryDirectory(prefix=".warm-up-", dir=self.output) as workdir:
            try:
                classifier.train(dataclasses.replace(config, training=training), clips, workdir, [times])
            except Enough:
                pass
        assert times.mean_seconds is not None
        return times.mean_seconds

    def _path(self, config: ClassifierConfig) -> str:
        return os.path.join(self.output, "budgets", f"{config.network.architecture}.json")
