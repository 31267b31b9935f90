"""Fits the layers of a head: embeddings -> a logit for each class. A pair that nobody rated has no loss.

Embeddings of unit length are scaled by sqrt(D) first, to unit variance, and the scale is folded into the first layer.

Shapes: w windows, D embedding size, C classes, m rated (window, class) pairs.
"""

import math
import warnings
from typing import List, Tuple

import numpy as np

from audioset_triplet.config.detection import LOGISTIC
from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.store.heads import Layers

# Inverse strength of the L2 penalty of a logistic regression (scikit-learn's C), on inputs of unit variance. Chosen on
# fold 3 of ESC-50 with ratings of folds 1 and 2 (log-mel features), where average precision hardly depends on it from
# 0.01 to 1.
LOGISTIC_C = 0.1
_MAX_ITERATIONS = 1000


def fit(kind: str, vectors: np.ndarray, targets: np.ndarray, weights: np.ndarray, seed: int) -> Layers:
    """The layers of a head.

    Args:
        kind: logistic or fc (`config.detection`).
        vectors: [w, D] of unit length.
        targets: [w, C] bool.
        weights: [w, C], 0 where nobody rated; each class has a positive and a negative window.
        seed: of the initial weights and of dropout.
    """
    scale = math.sqrt(vectors.shape[1])
    if kind == LOGISTIC:
        columns = [_logistic(vectors * scale, targets[:, column], of) for column, of in enumerate(weights.T)]
        kernel, bias = (np.stack(values, axis=-1) for values in zip(*columns))
        layers: List[Tuple[np.ndarray, np.ndarray]] = [(kernel, bias)]
    else:
        layers = _fully_connected(vectors * scale, targets, weights, seed)
    first, *rest = layers
    return tuple(
        (kernel.astype(np.float32), bias.astype(np.float32)) for kernel, bias in [(scale * first[0], first[1]), *rest]
    )


def _logistic(inputs: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Kernel [D] and bias [] of one class."""
    from sklearn.exceptions import ConvergenceWarning  # here: it takes seconds to load
    from sklearn.linear_model import LogisticRegression

    rows = weights > 0
    model = LogisticRegression(C=LOGISTIC_C, max_iter=_MAX_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(inputs[rows], targets[rows], weights[rows])
    return model.coef_[0], model.intercept_[0]


def _fully_connected(
    inputs: np.ndarray, targets: np.ndarray, weights: np.ndarray, seed: int
) -> List[Tuple[np.ndarray, np.ndarray]]:
    """The hidden layer and the classes, as `evaluation.classification` trains them on windows of labelled clips."""
    import tensorflow as tf  # here: it takes seconds to load, and a logistic regression does without

    from audioset_triplet.evaluation import classification

    head, size = HeadConfig(), inputs.shape[1]
    tf.keras.utils.set_random_seed(seed)
    model = classification.build_head(head, np.zeros(size), np.ones(size), targets.shape[1], False, seed)
    steps = max(head.head_min_steps, head.head_epochs * -(-len(inputs) // head.head_batch_size))
    optimizer = tf.keras.optimizers.Adam(tf.keras.optimizers.schedules.CosineDecay(head.head_learning_rate, steps))

    @tf.function(reduce_retracing=True)
    def step(batch: tf.Tensor, wanted: tf.Tensor, mass: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            losses = tf.keras.backend.binary_crossentropy(wanted, model(batch, training=True))
            loss = tf.reduce_sum(mass * losses) / tf.reduce_sum(mass)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))

    random = np.random.default_rng(seed)
    columns = [values.astype(np.float32) for values in (inputs, targets, weights)]
    for rows in _batches(random, len(inputs), head.head_batch_size, steps):
        step(*(tf.constant(values[rows]) for values in columns))
    dense = [layer for layer in model.layers if isinstance(layer, tf.keras.layers.Dense)]
    return [(layer.kernel.numpy(), layer.bias.numpy()) for layer in dense]


def _batches(random: np.random.Generator, count: int, size: int, steps: int) -> List[np.ndarray]:
    """The rows of so many batches: passes over all rows, each in another order."""
    batches: List[np.ndarray] = []
    while len(batches) < steps:
        order = random.permutation(count)
        batches += [order[first : first + size] for first in range(0, count, size)]
    return batches[:steps]
