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
    """The semi-hard triplet loss of tensorflow-addons, on squared distances: for comparison.

    Memory and time grow with the cube of the batch size.

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
        not_decayed: substrings of the names of weights that do not decay and whose steps are not scaled.
    """
    return _import().optimizers.LAMB(
        learning_rate, weight_decay=weight_decay, exclude_from_weight_decay=list(not_decayed)
    )


def _import() -> types.ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is no longer developed; its version is pinned
        import tensorflow_addons
    return tensorflow_addons
