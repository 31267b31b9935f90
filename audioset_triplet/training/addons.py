"""The only module that imports tensorflow-addons."""

import sys
import warnings
from typing import List

import tensorflow as tf


def progress_bars() -> List[tf.keras.callbacks.Callback]:
    """On a terminal a progress bar with the running metrics and the time left; elsewhere nothing."""
    if not sys.stderr.isatty():
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the end of its development is known, and pinned for
        import tensorflow_addons as tfa
    return [tfa.callbacks.TQDMProgressBar(show_overall_progress=False)]
