"""The only module that imports tensorflow-addons."""

import sys
import types
import warnings
from typing import List

import tensorflow as tf


def progress_bars() -> List[tf.keras.callbacks.Callback]:
    """On a terminal a progress bar with the running metrics and the time left; elsewhere nothing."""
    if not sys.stderr.isatty():
        return []
    return [_import().callbacks.TQDMProgressBar(show_overall_progress=False)]


def semi_hard_loss(ids: tf.Tensor, embeddings: tf.Tensor, margin: float) -> tf.Tensor:
    """Its triplet loss on squared distances, which takes memory and time by the cube of the batch: for comparison.

    Args:
        ids: int [B], windows of one id are positives of each other.
        embeddings: [B, D], unit norm.
        margin: of the hinge.
    """
    return _import().losses.triplet_semihard_loss(ids, embeddings, margin=margin, distance_metric="squared-L2")


def _import() -> types.ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the end of its development is known, and pinned for
        import tensorflow_addons
    return tensorflow_addons
