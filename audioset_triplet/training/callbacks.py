"""What happens between the steps of a run: non-finite values stop it, metrics are written, checkpoints are saved.

The order of the callbacks matters: `NonFiniteCheck` comes before all that writes, `WarningPrinter` after the
`MetricsWriter`, whose means it judges, and `CheckpointSaver` last, after all that changes what is saved.
"""

import contextlib
import dataclasses
import math
import os
import shutil
import signal
import sys
import threading
from typing import Any, Callable, Dict, Iterator, Optional

import tensorflow as tf

from audioset_triplet.errors import Terminated, UserError, op_reason
from audioset_triplet.runs import metrics_log
from audioset_triplet.training import optimizers

Logs = Optional[Dict[str, Any]]


@contextlib.contextmanager
def sigterm_noted() -> Iterator[threading.Event]:
    """While the block runs, SIGTERM sets the event instead of ending the process."""
    noted = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: noted.set())
    try:
        yield noted
    finally:
        signal.signal(signal.SIGTERM, before)


@dataclasses.dataclass(frozen=True)
class Steps:
    """The steps of a run, counted from 1.

    Attributes:
        first: how many were done before.
        last: how many are to be done in all.
    """

    first: int
    last: int

    def number(self, batch: int) -> int:
        """The step of a batch of `fit`, counted from 0."""
        return self.first + batch + 1

    def is_due(self, step: int, every_steps: int) -> bool:
        """Whether something that is done every so many steps, and after the last one, is due."""
        return step % every_steps == 0 or step == self.last


class NonFiniteCheck(tf.keras.callbacks.Callback):
    """Stops a run whose loss or gradient norm is not finite, with a UserError that names the examples of the step."""

    def __init__(
        self, steps: Steps, manager: tf.train.CheckpointManager, describe_bad_examples: Callable[[], str] = str
    ) -> None:
        """
        Args:
            steps: of the run.
            manager: knows the last checkpoint.
            describe_bad_examples: names the examples of the last batch whose loss is not finite.
        """
        super().__init__()
        self._steps, self._manager, self._describe_bad_examples = steps, manager, describe_bad_examples

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        logs = logs or {}
        for name in ("loss", "gradient_norm"):
            if not math.isfinite(logs.get(name, 0.0)):
                raise UserError(self._message(name, self._steps.number(batch), logs))

    def _message(self, name: str, step: int, logs: Dict[str, Any]) -> str:
        examples = self._describe_bad_examples()
        examples = f", in a batch of {examples}" if examples else ""
        weights = float(tf.linalg.global_norm(self.model.trainable_variables))
        return (
            f"the {name.replace('_', ' ')} is {logs[name]} at step {step}{examples}. Norms: of the gradients "
            f"{logs.get('gradient_norm', math.nan):.3g}, of the weights {weights:.3g}. Training stops; the last "
            f"checkpoint is {self._manager.latest_checkpoint or 'none'}. A lower --learning_rate or --clip_norm is the "
            "usual cure."
        )


class MetricsWriter(tf.keras.callbacks.Callback):
    """Writes metrics.jsonl and TensorBoard scalars: means since the line before, or since the resume.

    Lines that a killed run wrote after its last checkpoint are dropped when it resumes, so that a step has one line.
    """

    def __init__(
        self,
        workdir: str,
        steps: Steps,
        every_steps: int,
        derived_metrics: Callable[[Dict[str, float]], Dict[str, float]] = lambda means: {},
    ) -> None:
        """
        Args:
            workdir: the run directory.
            steps: of the run.
            every_steps: `TrainingConfig.log_every_steps`.
            derived_metrics: `ObjectiveModel.derived_metrics`.
        """
        super().__init__()
        self._workdir, self._steps, self._every_steps = workdir, steps, every_steps
        self._derived_metrics = derived_metrics
        self._tensorboard = tf.summary.create_file_writer(os.path.join(workdir, "tensorboard"))
        self._line_is_complete = False
        metrics_log.truncate(workdir, steps.first)

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        if self._line_is_complete:
            self.model.reset_metrics()
            self._line_is_complete = False

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        step = self._steps.number(batch)
        if self._steps.is_due(step, self._every_steps):
            self._write(step, {name: float(value) for name, value in (logs or {}).items()})
            self._line_is_complete = True

    def _write(self, step: int, means: Dict[str, float]) -> None:
        line = {"step": step, **means, **self._derived_metrics(means)}
        line["learning_rate"] = optimizers.learning_rate(self.model.optimizer)
        metrics_log.append(self._workdir, line)
        with self._tensorboard.as_default(step=step):
            for name, value in line.items():
                tf.summary.scalar(name, value)
        self._tensorboard.flush()
        if not sys.stderr.isatty():  # where a progress bar would fill a log file
            values = "  ".join(f"{name} {value:.4g}" for name, value in line.items() if name != "step")
            print(f"step {step}/{self._steps.last}  {values}", file=sys.stderr, flush=True)


class WarningPrinter(tf.keras.callbacks.Callback):
    """Says in a line on stderr when something begins to go wrong, and again when it has stopped and returns."""

    def __init__(
        self, steps: Steps, every_steps: int, warning: Callable[[Dict[str, float]], str], warmup_steps: int
    ) -> None:
        """
        Args:
            steps: of the run.
            every_steps: `TrainingConfig.log_every_steps`: it judges the means of a line of metrics.
            warning: `ObjectiveModel.warning`.
            warmup_steps: `TrainingConfig.warmup_steps`; until then there is no warning.
        """
        super().__init__()
        self._steps, self._every_steps, self._warning, self._warmup_steps = steps, every_steps, warning, warmup_steps
        self._is_warned = False

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        step = self._steps.number(batch)
        if step <= self._warmup_steps or not self._steps.is_due(step, self._every_steps):
            return
        message = self._warning({name: float(value) for name, value in (logs or {}).items()})
        if message and not self._is_warned:
            print(f"step {step}: {message}", file=sys.stderr, flush=True)
        self._is_warned = bool(message)


class CheckpointSaver(tf.keras.callbacks.Callback):
    """Saves a checkpoint every so many steps, after the last one, and when the run is to stop.

    After the step in which `stop` is set it saves and raises `Terminated`. A checkpoint that cannot be written is a
    UserError.
    """

    def __init__(
        self, manager: tf.train.CheckpointManager, steps: Steps, every_steps: int, stop: threading.Event
    ) -> None:
        """
        Args:
            manager: writes the checkpoints.
            steps: of the run.
            every_steps: `TrainingConfig.checkpoint_every_steps`.
            stop: asks the run to end.
        """
        super().__init__()
        self._manager, self._steps, self._every_steps, self._stop = manager, steps, every_steps, stop

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        step, stop = self._steps.number(batch), self._stop.is_set()
        if stop or self._steps.is_due(step, self._every_steps):
            self._save(step)
        if stop:
            raise Terminated(
                f"stopped by SIGTERM after step {step} of {self._steps.last}, which is saved in "
                f"{self._manager.directory}: the same command goes on from there."
            )

    def _save(self, step: int) -> None:
        try:
            self._manager.save(checkpoint_number=step)
        except tf.errors.OpError as error:  # a full disk, which TensorFlow reports as an op that failed
            leftover = os.path.join(self._manager.directory, f"ckpt-{step}_temp")
            shutil.rmtree(leftover, ignore_errors=True)  # the half-written file keeps the disk full
            raise UserError(
                f"{self._manager.directory}: the checkpoint of step {step} cannot be written: "
                f"{op_reason(error.message)}. The last checkpoint is {self._manager.latest_checkpoint or 'none'}; the "
                "same command goes on from there."
            ) from error
