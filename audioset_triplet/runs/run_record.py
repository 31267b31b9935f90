"""run.json of a run directory: what a run was computed by."""

import os
import platform
import sys
from typing import Any, Dict, Sequence

import tensorflow as tf

from audioset_triplet import __version__, files


def write(workdir: str, splits: Sequence[Dict[str, Any]], strategy: tf.distribute.Strategy) -> None:
    """Writes run.json; a run that goes on replaces it.

    Args:
        workdir: the directory.
        splits: those that the run learns from (`manifest.splits`).
        strategy: its devices.
    """
    record = {
        "code_version": __version__,
        "tensorflow": tf.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "command": sys.argv,
        "strategy": type(strategy).__name__,
        "devices": list(strategy.extended.worker_devices),
        "splits": splits,
    }
    files.write_json(os.path.join(workdir, "run.json"), record)
