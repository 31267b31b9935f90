"""The progress bar of a run: that of tensorflow-addons in the lane that has it, else one of the same contents."""

import sys
from typing import Any, Dict, List, Optional

import tensorflow as tf

from audioset_triplet import compat
from audioset_triplet.progress_bars import progress_bar


def progress_bars() -> List[tf.keras.callbacks.Callback]:
    """On a terminal a progress bar with the running metrics and the time left; elsewhere nothing."""
    if not sys.stderr.isatty():
        return []
    addons = compat.tensorflow_addons()
    return [addons.callbacks.TQDMProgressBar(show_overall_progress=False) if addons else ProgressBar()]


class ProgressBar(tf.keras.callbacks.Callback):
    """Steps, time left, and the means of the metrics since the beginning."""

    def __init__(self) -> None:
        super().__init__()
        self._sums: Dict[str, float] = {}

    def on_train_begin(self, logs: Optional[Dict[str, Any]] = None) -> None:
        self._sums = {}
        self._bar = progress_bar(unit="steps", total=self.params["steps"])

    def on_train_batch_end(self, batch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        for name, value in (logs or {}).items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value)
        means = {name: f"{value / (batch + 1):.4f}" for name, value in self._sums.items()}
        self._bar.set_postfix(means, refresh=False)
        self._bar.update()

    def on_train_end(self, logs: Optional[Dict[str, Any]] = None) -> None:
        self._bar.close()
