"""The only module that imports tensorflow-addons."""

import warnings

import tensorflow as tf


def progress_bar() -> tf.keras.callbacks.Callback:
    """A progress bar with the running metrics and the time left."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the end of its development is known, and pinned for
        import tensorflow_addons as tfa
    return tfa.callbacks.TQDMProgressBar(leave_epoch_progress=True, show_overall_progress=False)
