"""Cross-entropy of a classifier, per example."""

import tensorflow as tf


def cross_entropy(logits: tf.Tensor, targets: tf.Tensor, one_per_clip: bool) -> tf.Tensor:
    """[B, C] logits, [B, C] targets of 0 and 1 -> [B].

    Where every example has exactly one class it is that of a softmax, else the mean over the classes of that of a
    sigmoid (Hershey et al. 2017, section 3).
    """
    if one_per_clip:
        return tf.nn.softmax_cross_entropy_with_logits(targets, logits)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), axis=1)


def probabilities(logits: tf.Tensor, one_per_clip: bool) -> tf.Tensor:
    """[B, C] logits -> probabilities under the same loss."""
    return tf.nn.softmax(logits) if one_per_clip else tf.sigmoid(logits)
