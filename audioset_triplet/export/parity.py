"""Does an exported model compute what the live network computes? One check for all formats.

Shapes: R windows, L samples, A audio channels, D size of a vector.
"""

import dataclasses
from typing import Any, Callable, Dict, Mapping, Sequence

import numpy as np
import tensorflow as tf

from audioset_triplet.frontend import call_sizes
from audioset_triplet.frontend.front_end import FrontEnd

# Of a value, where all weights are float32. A graph rounds otherwise than the live network: by 1e-6 as a rule, and by
# 1.2e-5 once, in the scores of a classifier of 100 steps.
TOLERANCE = 1e-4


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How near vectors are to those of the network.

    Attributes:
        difference: the largest absolute difference of a value.
        cosine: the smallest cosine of two vectors.
    """

    difference: float
    cosine: float


def named(outputs: Any) -> Dict[str, Any]:
    """The outputs of a network by name; one alone is an embedding."""
    return outputs if isinstance(outputs, dict) else {"embedding": outputs}


def network_vectors(network: tf.keras.Model, features: tf.Tensor) -> Dict[str, np.ndarray]:
    """Features [R, *feature_shape] -> the vectors [R, D] of each output of the live network."""
    return {name: value.numpy() for name, value in named(network(features, training=False)).items()}


def agreement(expected: np.ndarray, given: np.ndarray) -> Agreement:
    """Of two arrays of vectors [..., D]."""
    norms = np.linalg.norm(expected, axis=-1) * np.linalg.norm(given, axis=-1)
    cosines = np.sum(np.asarray(expected, np.float64) * given, axis=-1) / np.maximum(norms, np.finfo(np.float32).tiny)
    return Agreement(float(np.abs(expected - given).max()), float(cosines.min()))


def of_windows(
    network: tf.keras.Model,
    front_end: FrontEnd,
    run: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    windows: np.ndarray,
) -> Dict[str, Agreement]:
    """How near a model is to the network, by output.

    Args:
        network: the live network.
        front_end: makes its features.
        run: the model: a window [1, L] or [1, L, A] -> the vectors [1, D] by output.
        windows: float32 [R, L] or [R, L, A].
    """
    size = call_sizes.windows_per_call(front_end)
    batches = [tf.constant(windows[start : start + size]) for start in range(0, len(windows), size)]
    expected = _joined([network_vectors(network, front_end.features(batch)) for batch in batches])
    given = _joined([run(window[np.newaxis]) for window in windows])
    return {name: agreement(vectors, given[name]) for name, vectors in expected.items()}


def _joined(parts: Sequence[Mapping[str, np.ndarray]]) -> Dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def require_equal(name: str, measured: Agreement) -> None:
    """Raises a RuntimeError unless an output is equal to the network's but for rounding."""
    if not measured.difference <= TOLERANCE:
        raise RuntimeError(f"{name} of the exported model differs from the network's by {measured.difference:.2g}")


def noise_windows(front_end: FrontEnd) -> np.ndarray:
    """Windows [4, L] or [4, L, A] to compare on where there is no audio: noise at three levels, and silence."""
    channels = [front_end.num_channels] if front_end.num_channels > 1 else []
    noise = np.random.default_rng(0).normal(0, 1, [4, front_end.window_samples, *channels])
    return np.stack([level * window for level, window in zip((0.3, 0.1, 0.003, 0.0), noise)]).astype(np.float32)
