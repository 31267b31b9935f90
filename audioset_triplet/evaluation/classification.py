"""Shallow classification: how well do the classes come apart in a space that stays as it is?

Jansen et al. 2018, section 4 (and the slides): a fully connected classifier with one hidden layer of 512 units on the
frozen embeddings of windows, trained with the labels of their clips; a clip's score is the mean over its windows (as
Hershey et al. 2017, section 4), loud ones counting for more (`frontend.level`). Softmax and cross-entropy where
every training clip has exactly one label, else one sigmoid per class.

Embeddings are streamed from disk on both sides. Training draws its batches from a buffer of bounded size; windows that
all fit into it are read once. The same seed gives the same numbers on the same machine.

Shapes: n clips, C classes, B windows of a batch, D embedding size.
"""

from typing import Iterator, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.evaluation import metrics, splits
from audioset_triplet.evaluation.metrics import ScoreMetrics
from audioset_triplet.evaluation.splits import Split
from audioset_triplet.store.scores import ClipScores
from audioset_triplet.store.stored_clips import StoredClips

_BUFFER_BYTES = 256 << 20  # half a million windows at D = 128


def evaluate(
    train_folder: str,
    train_folds: Sequence[int],
    eval_folder: str,
    eval_folds: Sequence[int],
    head: HeadConfig,
    seed: int = 0,
) -> ScoreMetrics:
    """Trains the head on the clips of some folds and measures it on those of others (empty: all folds).

    Raises:
        UserError: what `splits.read_split` and `metrics.measure` raise.
    """
    split = splits.read_split(train_folder, train_folds, eval_folder, eval_folds)
    return metrics.measure(clip_scores(split, split.usable, head, seed))


def clip_scores(split: Split, labelled: np.ndarray, head: HeadConfig, seed: int) -> ClipScores:
    """The scores, between 0 and 1, that a head trained on the clips `labelled` [n] of `split.train` gives."""
    tf.keras.utils.set_random_seed(seed)  # dropout also depends on the seed of the process, which training sets
    windows = ShuffledWindows(split.train, labelled, _BUFFER_BYTES)
    single_label = all(len(set(split.train.labels[row])) == 1 for row in np.flatnonzero(labelled))
    model = build_head(head, *windows.moments(), len(split.classes), single_label, seed)
    _train(model, windows, split, head, single_label, seed)
    return split.scored(_mean_scores(model, split.evaluated, len(split.classes)))


def build_head(
    head: HeadConfig, mean: np.ndarray, variance: np.ndarray, num_classes: int, single_label: bool, seed: int
) -> tf.keras.Model:
    """Embeddings [B, D] -> probabilities [B, C].

    Args:
        head: its hidden layers.
        mean, variance: [D], of the training windows. The values of a unit vector are small, the smaller the more
            dimensions it has: brought to mean 0 and variance 1, all embeddings suit the same learning rate.
        num_classes: C.
        single_label: probabilities add up to 1 (softmax), or each class has its own (sigmoid).
        seed: of the initial weights and of dropout.
    """
    inputs = tf.keras.Input([len(mean)])
    x = tf.keras.layers.Normalization(mean=mean, variance=variance)(inputs)
    for layer in range(head.hidden_layers):
        initial = tf.keras.initializers.HeNormal(seed + layer)
        x = tf.keras.layers.Dense(head.hidden_units, "relu", kernel_initializer=initial)(x)
    if head.head_dropout and head.hidden_layers:  # after each of four layers it leaves too little to learn from
        x = tf.keras.layers.Dropout(head.head_dropout, seed=seed)(x)
    initial = tf.keras.initializers.GlorotUniform(seed + head.hidden_layers)
    activation = "softmax" if single_label else "sigmoid"
    return tf.keras.Model(inputs, tf.keras.layers.Dense(num_classes, activation, kernel_initializer=initial)(x))


class ShuffledWindows:
    """The windows of some clips, pass after pass in another order, with a bounded part of them in memory.

    A pass takes the parts of the folder in a random order and fills the buffer again and again; batches are drawn from
    what is in it. Windows that all fit are kept: then the folder is read once.

    Args:
        clips: where the windows are.
        chosen: [n] bool, the clips whose windows are wanted.
        buffer_bytes: of the embeddings that are held.
    """

    def __init__(self, clips: StoredClips, chosen: np.ndarray, buffer_bytes: int) -> None:
        self._clips, self._chosen = clips, chosen
        size = clips.info.embedding_size
        capacity = max(1, buffer_bytes // (4 * size))
        self._rows, self._vectors = np.empty(capacity, np.int64), np.empty((capacity, size), np.float32)
        self._num_kept: Optional[int] = None  # all windows are in the buffer
        self.num_windows = 0

    def moments(self) -> Tuple[np.ndarray, np.ndarray]:
        """Mean and variance [D] float32 over all windows; counts them too."""
        size = self._clips.info.embedding_size
        self.num_windows, sums, squares = 0, np.zeros(size), np.zeros(size)
        for _, vectors in self._fillings(None):
            self.num_windows += len(vectors)
            sums += vectors.sum(axis=0, dtype=np.float64)
            squares += np.square(vectors, dtype=np.float64).sum(axis=0)
        mean = sums / self.num_windows
        return mean.astype(np.float32), np.maximum(squares / self.num_windows - mean**2, 1e-12).astype(np.float32)

    def batches(self, batch_size: int, seed: int) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
        """Batches without end: pairs of the rows of the clips [B] and the embeddings [B, D] of windows."""
        random = np.random.default_rng(seed)
        while True:
            for rows, vectors in self._fillings(random):
                order = random.permutation(len(rows))
                for first in range(0, len(order), batch_size):
                    drawn = order[first : first + batch_size]
                    yield rows[drawn], vectors[drawn]

    def _fillings(self, random: Optional[np.random.Generator]) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
        """The buffer, filled with one share of the windows after the other; a filling is valid until the next one."""
        if self._num_kept is None:
            num_parts = len(self._clips.part_paths)
            order = np.arange(num_parts) if random is None else random.permutation(num_parts)
            filled, overflowed = 0, False
            for rows, vectors, _ in self._clips.windows(self._chosen, order):
                while len(rows):
                    if filled == len(self._rows):
                        yield self._rows, self._vectors
                        filled, overflowed = 0, True
                    count = min(len(rows), len(self._rows) - filled)
                    self._rows[filled : filled + count] = rows[:count]
                    self._vectors[filled : filled + count] = vectors[:count]
                    rows, vectors, filled = rows[count:], vectors[count:], filled + count
            if overflowed:
                yield self._rows[:filled], self._vectors[:filled]
                return
            self._num_kept = filled
        yield self._rows[: self._num_kept], self._vectors[: self._num_kept]


def _train(
    model: tf.keras.Model, windows: ShuffledWindows, split: Split, head: HeadConfig, single_label: bool, seed: int
) -> None:
    steps = max(head.head_min_steps, head.head_epochs * -(-windows.num_windows // head.head_batch_size))
    batches = windows.batches(head.head_batch_size, seed)

    def examples() -> Iterator[Tuple[np.ndarray, np.ndarray, np.ndarray]]:
        for _ in tqdm(range(steps), desc="classifier", unit="step", disable=None, leave=False):
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
    """[n, C] float32: for each clip the weighted mean of what the model says of its windows."""
    sums = np.zeros((len(clips.clip_ids), num_classes), np.float32)
    total_weights = np.zeros(len(sums), np.float32)
    with tqdm(total=len(sums), desc="scores", unit="clip", disable=None, leave=False) as progress:
        for rows, vectors, weights in clips.windows():
            starts = np.concatenate([[0], 1 + np.flatnonzero(rows[1:] != rows[:-1])])
            scores = model.predict_on_batch(vectors) * weights[:, None]
            sums[rows[starts]] += np.add.reduceat(scores, starts, axis=0)
            np.add.at(total_weights, rows, weights)
            progress.update(int(rows[-1]) + 1 - progress.n)
    return sums / total_weights[:, None]
