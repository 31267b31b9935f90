"""What a run leaves behind while it trains: metrics and checkpoints; and what stops it: no number, or SIGTERM."""

import contextlib
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


@contextlib.contextmanager
def sigterm_noted() -> Iterator[threading.Event]:
    """While the block runs, SIGTERM sets the event instead of ending the process."""
    noted = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: noted.set())
    try:
        yield noted
    finally:
        signal.signal(signal.SIGTERM, before)


class RunRecorder(tf.keras.callbacks.Callback):
    """Writes metrics.jsonl and TensorBoard scalars, saves checkpoints, and stops on NaN or when it is asked to.

    Every `log_every_steps` steps it writes the means since the line before, or since the resume. A checkpoint is
    written every `checkpoint_every_steps` steps, after the last one, and after the step in which `stop` is set, which
    then raises `Terminated`. Lines that a killed run wrote after its last checkpoint are dropped when it resumes, so
    that a step has one line. An alarm is one line on stderr when it begins, and again when it has stopped and returns.
    """

    def __init__(
        self,
        workdir: str,
        manager: tf.train.CheckpointManager,
        first_step: int,
        last_step: int,
        log_every_steps: int,
        checkpoint_every_steps: int,
        stop: threading.Event,
        describe_bad_examples: Callable[[], str] = str,
        derived: Callable[[Dict[str, float]], Dict[str, float]] = lambda means: {},
        alarm: Callable[[Dict[str, float]], str] = lambda means: "",
        warmup_steps: int = 0,
    ) -> None:
        """
        Args:
            workdir: the work directory.
            manager: writes the checkpoints.
            first_step, last_step: steps that are done, and that are to be done in all.
            log_every_steps, checkpoint_every_steps: of `TrainingConfig`.
            stop: asks the run to end.
            describe_bad_examples: names the examples of the last batch whose loss is not finite.
            derived, alarm: of `ObjectiveModel`.
            warmup_steps: of `TrainingConfig`; until then there is no alarm.
        """
        super().__init__()
        self._workdir = workdir
        self._writer = tf.summary.create_file_writer(os.path.join(workdir, "tensorboard"))
        self._manager = manager
        self._step = first_step
        self._last_step = last_step
        self._log_every_steps = log_every_steps
        self._checkpoint_every_steps = checkpoint_every_steps
        self._stop = stop
        self._describe_bad_examples = describe_bad_examples
        self._derived, self._alarm, self._warmup_steps = derived, alarm, warmup_steps
        self._is_alarmed = False
        self._line_is_complete = False
        metrics_log.truncate(workdir, first_step)

    def on_train_batch_begin(self, batch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        if self._line_is_complete:
            self.model.reset_metrics()
            self._line_is_complete = False

    def on_train_batch_end(self, batch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        logs = logs or {}
        self._step += 1
        for name in ("loss", "gradient_norm"):
            if not math.isfinite(logs.get(name, 0.0)):
                raise UserError(self._no_number(name, logs))
        if self._step % self._log_every_steps == 0 or self._step == self._last_step:
            self._log(logs)
        stop = self._stop.is_set()
        if self._step % self._checkpoint_every_steps == 0 or self._step == self._last_step or stop:
            self._save()
        if stop:
            raise Terminated(
                f"stopped by SIGTERM after step {self._step} of {self._last_step}, which is saved in "
                f"{self._manager.directory}: the same command goes on from there."
            )

    def _no_number(self, name: str, logs: Dict[str, Any]) -> str:
        examples = self._describe_bad_examples()
        batch = f", in a batch of {examples}" if examples else ""
        weights = float(tf.linalg.global_norm(self.model.trainable_variables))
        return (
            f"the {name.replace('_', ' ')} is {logs[name]} at step {self._step}{batch}. Norms: of the gradients "
            f"{logs.get('gradient_norm', math.nan):.3g}, of the weights {weights:.3g}. Training stops; the last "
            f"checkpoint is {self._manager.latest_checkpoint or 'none'}. A lower --learning_rate or --clip_norm is the "
            "usual cure."
        )

    def _save(self) -> None:
        try:
            self._manager.save(checkpoint_number=self._step)
        except tf.errors.OpError as error:  # a full disk, which TensorFlow reports as an op that failed
            leftover = os.path.join(self._manager.directory, f"ckpt-{self._step}_temp")
            shutil.rmtree(leftover, ignore_errors=True)  # the half-written file keeps the disk full
            raise UserError(
                f"{self._manager.directory}: the checkpoint of step {self._step} cannot be written: "
                f"{op_reason(error.message)}. The last checkpoint is {self._manager.latest_checkpoint or 'none'}; the "
                "same command goes on from there."
            ) from error

    def _log(self, logs: Dict[str, Any]) -> None:
        means = {name: float(value) for name, value in logs.items()}
        line = {"step": self._step, **means, **self._derived(means)}
        line["learning_rate"] = optimizers.learning_rate(self.model.optimizer)
        metrics_log.append(self._workdir, line)
        with self._writer.as_default(step=self._step):
            for name, value in line.items():
                tf.summary.scalar(name, value)
        self._writer.flush()
        if not sys.stderr.isatty():  # where a progress bar would fill a log file
            values = "  ".join(f"{name} {value:.4g}" for name, value in line.items() if name != "step")
            print(f"step {self._step}/{self._last_step}  {values}", file=sys.stderr, flush=True)
        self._raise_alarm(means)
        self._line_is_complete = True

    def _raise_alarm(self, means: Dict[str, float]) -> None:
        wrong = self._alarm(means) if self._step > self._warmup_steps else ""
        if wrong and not self._is_alarmed:
            print(f"step {self._step}: {wrong}", file=sys.stderr, flush=True)
        self._is_alarmed = bool(wrong)
