"""Cross-entropy of a classifier, per example."""

from typing import Union

import tensorflow as tf


def cross_entropy(
    logits: tf.Tensor, targets: tf.Tensor, loss: str, positive_weights: Union[float, tf.Tensor] = 1.0
) -> tf.Tensor:
    """[B, C] logits, [B, C] targets from 0 to 1 -> [B].

    softmax: -sum_c w_c t_c log p_c, for examples of one class each. sigmoid: the mean over the classes of
    -w_c t_c log p_c - (1 - t_c) log(1 - p_c) (Hershey et al. 2017, section 3). Targets of mixed examples lie between 0
    and 1.

    Args:
        logits, targets: see above.
        loss: softmax or sigmoid.
        positive_weights: w, [C] or one for all classes. Negatives are not weighted, and the weights are not divided by
            their sum.
    """
    if loss == "softmax":
        return -tf.reduce_sum(positive_weights * targets * tf.nn.log_softmax(logits), axis=1)
    return tf.reduce_mean(tf.nn.weighted_cross_entropy_with_logits(targets, logits, positive_weights), axis=1)


def probabilities(logits: tf.Tensor, loss: str) -> tf.Tensor:
    """[B, C] logits -> probabilities under the same loss."""
    return tf.nn.softmax(logits) if loss == "softmax" else tf.sigmoid(logits)
