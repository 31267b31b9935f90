"""The only module that imports tensorflow-addons."""

import sys
import types
import warnings
from typing import Any, List, Sequence

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


def lamb(learning_rate: Any, weight_decay: float, not_decayed: Sequence[str]) -> tf.keras.optimizers.legacy.Optimizer:
    """LAMB (You et al. 2020, algorithm 2): Adam whose step in a layer is as long as its weights.

    Args:
        learning_rate: a schedule.
        weight_decay: decoupled from the gradient.
        not_decayed: parts of the names of the weights that do not decay, nor are their steps scaled.
    """
    return _import().optimizers.LAMB(
        learning_rate, weight_decay=weight_decay, exclude_from_weight_decay=list(not_decayed)
    )


def _import() -> types.ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the end of its development is known, and pinned for
        import tensorflow_addons
    return tensorflow_addons
