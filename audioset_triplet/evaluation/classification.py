"""Shallow classification: a small classifier on frozen embeddings.

Jansen et al. 2018, section 4 (and the slides): a fully connected classifier with one hidden layer of 512 units on the
frozen embeddings of windows, trained with the labels of their clips; a clip's score is the mean over its windows (as
Hershey et al. 2017, section 4), weighted by loudness (`frontend.loudness`). Softmax and cross-entropy if every training
clip has exactly one label, else one sigmoid per class.

Embeddings are streamed from disk on both sides. Training draws its batches through a buffer of bounded size
(`store.shuffled`). The same seed gives the same numbers on the same machine.

Shapes: n clips, C classes, B windows of a batch, D embedding size.
"""

from typing import Iterator, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet.config.evaluation import ClassificationConfig, HeadConfig
from audioset_triplet.evaluation import metrics
from audioset_triplet.evaluation.metrics import ScoreMetrics
from audioset_triplet.evaluation.splits import Split
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.store.scores import ClipScores
from audioset_triplet.store.shuffled import ShuffledVectors
from audioset_triplet.store.stored_clips import StoredClips

_BUFFER_BYTES = 256 << 20  # half a million windows at D = 128


def evaluate(config: ClassificationConfig, split: Split) -> ScoreMetrics:
    """Trains the head on the usable training clips and measures it on the evaluated clips.

    Raises:
        UserError: what `metrics.measure` raises.
    """
    return metrics.measure(clip_scores(split, split.usable, config.head, config.seed))


def clip_scores(split: Split, labelled: np.ndarray, head: HeadConfig, seed: int) -> ClipScores:
    """Scores in [0, 1] of the evaluated clips by a head trained on the clips `labelled`, bool [n], of `split.train`."""
    model = fit(split, labelled, head, seed)
    return split.clip_scores(_mean_scores(model, split.evaluated, len(split.classes)))


def fit(split: Split, labelled: np.ndarray, head: HeadConfig, seed: int) -> tf.keras.Model:
    """A head, embeddings [B, D] -> scores [B, C], trained on the clips `labelled`, bool [n], of `split.train`."""
    tf.keras.utils.set_random_seed(seed)  # dropout also depends on the global seed, which training sets
    blocks = ((rows, vectors) for rows, vectors, _ in split.train.windows(labelled))
    windows = ShuffledVectors(blocks, split.train.info.embedding_size, _BUFFER_BYTES)
    single_label = all(len(set(split.train.labels[row])) == 1 for row in np.flatnonzero(labelled))
    model = build_head(head, *windows.mean_and_variance(), len(split.classes), single_label, seed)
    _train(model, windows, split, head, single_label, seed)
    return model


def build_head(
    head: HeadConfig, mean: np.ndarray, variance: np.ndarray, num_classes: int, single_label: bool, seed: int
) -> tf.keras.Model:
    """Embeddings [B, D] -> probabilities [B, C].

    Args:
        head: its hidden layers.
        mean, variance: [D], of the training windows. The values of a unit vector become smaller with its dimension;
            normalized to mean 0 and variance 1, all embeddings suit the same learning rate.
        num_classes: C.
        single_label: softmax over the classes; else a sigmoid for each.
        seed: of the initial weights and of dropout.
    """
    inputs = tf.keras.Input([len(mean)])
    x = tf.keras.layers.Normalization(mean=mean, variance=variance)(inputs)
    for layer in range(head.hidden_layers):
        initial = tf.keras.initializers.HeNormal(seed + layer)
        x = tf.keras.layers.Dense(head.hidden_units, "relu", kernel_initializer=initial)(x)
    if head.head_dropout and head.hidden_layers:  # after the last layer only: after each of four, the head underfits
        x = tf.keras.layers.Dropout(head.head_dropout, seed=seed)(x)
    initial = tf.keras.initializers.GlorotUniform(seed + head.hidden_layers)
    activation = "softmax" if single_label else "sigmoid"
    return tf.keras.Model(inputs, tf.keras.layers.Dense(num_classes, activation, kernel_initializer=initial)(x))


def _train(
    model: tf.keras.Model, windows: ShuffledVectors, split: Split, head: HeadConfig, single_label: bool, seed: int
) -> None:
    steps = max(head.head_min_steps, head.head_epochs * -(-len(windows.keys) // head.head_batch_size))
    part_sizes = np.diff(np.searchsorted(windows.keys, split.train.part_rows)).tolist()
    batches = windows.batches(head.head_batch_size, seed, part_sizes)

    def examples() -> Iterator[Tuple[np.ndarray, np.ndarray, np.ndarray]]:
        for _ in progress_bar(range(steps), "classifier", "steps", leave=False):
            rows, vectors = next(batches)
            yield vectors, split.train_targets(rows), split.weights[rows]

    shapes = (
        tf.TensorSpec([None, split.train.info.embedding_size], tf.float32),
        tf.TensorSpec([None, len(split.classes)], tf.float32),
        tf.TensorSpec([None], tf.float32),
    )
    rate = tf.keras.optimizers.schedules.CosineDecay(head.head_learning_rate, steps)
    model.compile(
        tf.keras.optimizers.Adam(rate),
        "categorical_crossentropy" if single_label else "binary_crossentropy",
    )
    model.fit(
        tf.data.Dataset.from_generator(examples, output_signature=shapes).prefetch(8),
        epochs=1,
        steps_per_epoch=steps,
        verbose=0,
    )


def _mean_scores(model: tf.keras.Model, clips: StoredClips, num_classes: int) -> np.ndarray:
    """[n, C] float32: for each clip the weighted mean of the scores of its windows."""
    sums = np.zeros((len(clips.clip_ids), num_classes), np.float32)
    total_weights = np.zeros(len(sums), np.float32)
    with progress_bar(name="scores", unit="clips", total=len(sums), leave=False) as progress:
        for rows, vectors, weights in clips.windows():
            starts = np.concatenate([[0], 1 + np.flatnonzero(rows[1:] != rows[:-1])])
            scores = model.predict_on_batch(vectors) * weights[:, None]
            sums[rows[starts]] += np.add.reduceat(scores, starts, axis=0)
            np.add.at(total_weights, rows, weights)
            progress.update(int(rows[-1]) + 1 - progress.n)
    return sums / total_weights[:, None]
