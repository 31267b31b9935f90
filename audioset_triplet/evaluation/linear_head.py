"""Logistic regression on clip vectors: a classifier that is trained in milliseconds, for rounds and for wide studies.

Shapes: n labelled clips, C classes, D embedding size.
"""

import warnings
from typing import Sequence, Tuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

_MAX_ITERATIONS = 200


class Standardization:
    """Brings clip vectors to mean 0 and variance 1, as the other head does: then all embeddings suit one penalty."""

    def __init__(self, vectors: np.ndarray) -> None:
        """The mean and deviation of some vectors [n, D]."""
        self._mean, self._deviation = vectors.mean(axis=0), vectors.std(axis=0)

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors [n, D], standardized."""
        return (vectors - self._mean) / np.maximum(self._deviation, 1e-6)


def clip_scores(
    labelled: np.ndarray,
    labels: Sequence[Tuple[int, ...]],
    weights: np.ndarray,
    scored: np.ndarray,
    classes: Sequence[int],
    penalty: float,
) -> np.ndarray:
    """Trains a classifier and gives the probabilities of other clips.

    Softmax if each labelled clip has exactly one label, else a sigmoid for each class. Classes that no labelled clip
    has score 0, and a class that all of them have scores 1.

    Args:
        labelled: [n, D], standardized.
        labels: [n], of each; none empty.
        weights: [n] of each in the loss.
        scored: [m, D], standardized.
        classes: C class indices.
        penalty: weight of the squared weights in the loss, for each unit of weight of a clip.

    Returns:
        float64 [m, C] in [0, 1].
    """
    columns = {label: column for column, label in enumerate(classes)}
    scores = np.zeros((len(scored), len(columns)))
    if all(len(set(of_clip)) == 1 for of_clip in labels):
        targets = np.array([columns[of_clip[0]] for of_clip in labels])
        seen, probabilities = _probabilities(labelled, targets, weights, scored, penalty)
        scores[:, seen] = probabilities
        return scores
    for label, column in columns.items():
        is_positive = np.array([label in of_clip for of_clip in labels])
        seen, probabilities = _probabilities(labelled, is_positive.astype(int), weights, scored, penalty)
        if 1 in seen:
            scores[:, column] = probabilities[:, -1]
    return scores


def _probabilities(
    labelled: np.ndarray, targets: np.ndarray, weights: np.ndarray, scored: np.ndarray, penalty: float
) -> Tuple[np.ndarray, np.ndarray]:
    """The targets that there are, ascending, and the probability of each for each scored clip."""
    seen = np.unique(targets)
    if len(seen) == 1:
        return seen, np.ones((len(scored), 1))
    model = LogisticRegression(C=1 / penalty, max_iter=_MAX_ITERATIONS, tol=1e-3)
    with warnings.catch_warnings():
        # Few clips of many classes are what it is for, and a few more iterations would change nothing.
        warnings.filterwarnings("ignore", message="The number of unique classes")
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        model.fit(labelled, targets, sample_weight=weights)
    return seen, model.predict_proba(scored)
