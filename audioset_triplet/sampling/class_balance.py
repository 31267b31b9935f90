"""Clips repeated so that the classes come equally often, in one pass over the records.

The weight of a clip is the sum over its labels of 1 / count of the label (Gong et al. 2021, "PSLA", on balanced
sampling), here relative to the mean over the training clips: of N clips of C classes a clip has

    r = (N / C) sum_l 1 / count_l

and one without a label, a negative of all classes, has r = 1. It comes floor(r) times in a pass, and once more with
probability r - floor(r); a clip of small r is left out of most passes. Each class then has N / C examples of a pass in
the mean, or more where it occurs beside other labels.

PSLA draws clips in proportion to these weights, with replacement, and PANNs (Kong et al. 2020, on data balancing) goes
round the classes and takes the next clip of each, so that a clip comes once for each of its labels. Both have the
frequencies that repeated clips have in the mean, but need every clip at hand in any order; repeated clips are read as a
stream, however many there are. A round has each class exactly as often as any other, repeated clips only nearly so.
"""

from typing import List, Sequence

import tensorflow as tf

from audioset_triplet.sampling import draws


def label_weights(labels: Sequence[Sequence[int]], classes: Sequence[int]) -> List[float]:
    """The weight in r of each class: N / (C count), [C].

    Args:
        labels: the labels of the training clips, N of which have any; each class is in at least one.
        classes: the C class indices.
    """
    counts = dict.fromkeys(classes, 0)
    for labels_of_clip in labels:
        for label in set(labels_of_clip):
            counts[label] += 1
    num_labelled = sum(bool(labels_of_clip) for labels_of_clip in labels)
    return [num_labelled / (len(classes) * counts[index]) for index in classes]


def num_repeats(
    labels: tf.Tensor, classes: tf.Tensor, weights: tf.Tensor, max_repeats: int, seed: tf.Tensor
) -> tf.Tensor:
    """How often a clip comes in a pass: int64 [].

    Args:
        labels: int64 [n], of the clip.
        classes: int64 [C].
        weights: float32 [C], `label_weights`.
        max_repeats: at most; 0: as many as r says.
        seed: int64 [2], another one for each clip and pass.
    """
    has_class = tf.reduce_any(classes[:, tf.newaxis] == labels, axis=1)
    relative_weight = tf.where(tf.reduce_any(has_class), tf.reduce_sum(tf.where(has_class, weights, 0.0)), 1.0)
    repeats = tf.cast(tf.floor(relative_weight + draws.uniform([], seed)), tf.int64)
    return tf.minimum(repeats, max_repeats) if max_repeats else repeats
