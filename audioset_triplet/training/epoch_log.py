"""What is measured after every epoch of a run, such as the accuracy on clips that it does not learn from.

An epoch has every clip once; a batch may have clips of two epochs.
"""

import dataclasses
import sys
from typing import Any, Callable, Dict, Mapping, Optional

import tensorflow as tf

from audioset_triplet.runs import metrics_log
from audioset_triplet.training.callbacks import Steps

# The networks as they would be exported (name -> network), and the further state of the objective -> name -> value.
Measure = Callable[[Mapping[str, tf.keras.Model], Mapping[str, tf.Module]], Dict[str, float]]


@dataclasses.dataclass(frozen=True)
class Epochs:
    """When a run is measured, and how.

    Attributes:
        measure: see above.
        every_epochs: it is measured after every so many epochs, and after the last step.
        num_examples: of an epoch; an objective's `train` knows it.
    """

    measure: Measure
    every_epochs: int = 1
    num_examples: int = 0

    def of(self, num_examples: int) -> "Epochs":
        """The same, of epochs of so many examples."""
        return dataclasses.replace(self, num_examples=num_examples)


class EpochLog(tf.keras.callbacks.Callback):
    """Writes epochs.jsonl: `epoch`, `step` and what is measured.

    It comes before checkpoints are saved, and drops lines after the last checkpoint: so each epoch has one line,
    wherever a run was stopped.
    """

    def __init__(
        self,
        epochs: Epochs,
        workdir: str,
        batch_size: int,
        steps: Steps,
        networks: Mapping[str, tf.keras.Model],
    ) -> None:
        """
        Args:
            epochs: when and what.
            workdir: the run directory.
            batch_size: examples of a step.
            steps: of the run.
            networks: those to measure.
        """
        super().__init__()
        self._epochs, self._workdir, self._batch_size = epochs, workdir, batch_size
        self._steps, self._networks = steps, networks
        metrics_log.truncate(workdir, steps.first, metrics_log.EPOCHS)

    def on_train_batch_end(self, batch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        step = self._steps.number(batch)
        epoch, before = self._completed(step), self._completed(step - 1)
        is_due = epoch // self._epochs.every_epochs > before // self._epochs.every_epochs
        if is_due or step == self._steps.last:
            measured = self._epochs.measure(self._networks, self.model.state)
            at = epoch if epoch > before else round(step * self._batch_size / self._epochs.num_examples, 3)
            metrics_log.append(self._workdir, {"epoch": at, "step": step, **measured}, metrics_log.EPOCHS)
            values = "  ".join(f"{name} {value:.4g}" for name, value in measured.items())
            print(f"epoch {at}: {values}", file=sys.stderr, flush=True)

    def _completed(self, step: int) -> int:
        """Whole epochs after a step."""
        return step * self._batch_size // self._epochs.num_examples
