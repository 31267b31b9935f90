"""The embedding that an exported model gives: some layers of the trained network, whitened without labels.

What a loss is on is not what serves best: Chen et al. 2020 (SimCLR, section 4.2) evaluate the layer below it. And the
components of largest variance, which all windows share, hide the others: with C = U S U' the covariance of windows and
m their mean, whitening makes S^(-p/2) U'(x - m) of x, and brings it back to unit length (p = 1: Jegou & Chum 2012,
"Negative evidences and co-occurences in image retrieval", section 3.2).

Shapes: R windows, D dimensions of the layers, K components.
"""

from typing import Iterable, Iterator, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.network import VectorConfig
from audioset_triplet.errors import UserError
from audioset_triplet.frontend import call_sizes
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.models import networks
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.records import example_ids, globs, reading
from audioset_triplet.sampling import window_draws, windows

_MOST_WINDOWS = 100_000  # for mean and covariance; of more, the first in the order of reading
_LEAST_SHARE = 1e-5  # of the largest variance, which a component needs: less is rounding, and noise when it is whitened
_FEWEST = 2


def of_network(
    network: tf.keras.Model,
    config: VectorConfig,
    front_end: FrontEnd,
    data: DataConfig,
    clip_ids: Optional[Sequence[str]] = None,
) -> tf.keras.Model:
    """Features of windows [B, *feature_shape] -> the embedding that `config` asks for, float32 [B, K] at unit length.

    Args:
        network: of `networks.build_embedding`, trained; the result shares its layers.
        config: which layers, and how much they are whitened.
        front_end: of the features.
        data: the clips whose windows whitening takes mean and covariance of; not read where nothing is whitened.
        clip_ids: only these of them; None: all.

    Raises:
        UserError: the network lacks a layer; records are damaged, of another format, or hold too few windows.
    """
    layers = network if config.layers == ("embedding",) else networks.concatenated_layers(network, config.layers)
    if not config.whitening:
        return layers
    predict = tf.function(lambda features: layers(features, training=False), autograph=False)
    vectors = (predict(features).numpy() for features in _features(front_end, data, clip_ids))
    mean, covariance = mean_and_covariance(vectors)
    return networks.with_product(layers, *whitening(mean, covariance, config.whitening, config.components))


def _features(front_end: FrontEnd, data: DataConfig, clip_ids: Optional[Sequence[str]]) -> Iterator[tf.Tensor]:
    """The features of as many windows as are needed, in batches [R, *feature_shape]; files take turns."""
    paths = globs.expand(data.data)
    window_draws.require_records(paths, front_end)
    clips = reading.read_clips(paths, data.folds, deterministic=True, num_channels=front_end.num_channels)
    if clip_ids is not None:
        clips = example_ids.only_clips(clips, clip_ids)
    size = call_sizes.windows_per_call(front_end)
    batches = windows.successive_windows(clips, front_end, size).take(-(-_MOST_WINDOWS // size))
    with reading.named_errors(paths), window_draws.naming_unusable_clips():
        for _, features, _ in progress_bar(batches, "whitening", "batches", leave=False):
            yield features


def mean_and_covariance(vectors: Iterable[np.ndarray]) -> Tuple[np.ndarray, np.ndarray]:
    """Of batches of vectors [R, D] the mean [D] and the covariance [D, D], float64.

    Raises:
        UserError: there are fewer than two vectors.
    """
    count, total, products = 0, np.zeros(0), np.zeros((0, 0))
    for batch in vectors:
        batch = batch.astype(np.float64)
        if not count:
            total, products = np.zeros(batch.shape[1]), np.zeros((batch.shape[1], batch.shape[1]))
        count += len(batch)
        total += batch.sum(axis=0)
        products += batch.T @ batch
    if count < _FEWEST:
        raise UserError(f"--whitening needs {_FEWEST} windows at least, and the records hold {count}.")
    mean = total / count
    return mean, products / count - np.outer(mean, mean)


def whitening(
    mean: np.ndarray, covariance: np.ndarray, exponent: float, num_components: int
) -> Tuple[np.ndarray, np.ndarray]:
    """Kernel [D, K] and bias [K] of S^(-p/2) U'(x - m), rotated, of the K components of largest variance.

    Args:
        mean, covariance: of the vectors x, [D] and [D, D].
        exponent: p, from 0 to 1.
        num_components: K at most.

    Raises:
        UserError: nothing varies.
    """
    variances, directions = np.linalg.eigh(covariance)
    kept = np.flatnonzero(variances > _LEAST_SHARE * variances[-1])[::-1][:num_components]  # ascending, as from eigh
    if not len(kept):
        raise UserError("--whitening: all windows have the same vector: there is no variance to divide by.")
    kernel = directions[:, kept] * variances[kept] ** (-exponent / 2)
    kernel = kernel @ _rotation(len(kept))
    return kernel, -mean @ kernel


def _rotation(size: int) -> np.ndarray:
    """A random rotation [size, size], always the same.

    It changes no cosine, and gives all dimensions about the same variance. Without it a classifier that brings each
    dimension to variance 1, as many do, would whiten fully, whatever p is.
    """
    return np.linalg.qr(np.random.default_rng(0).normal(size=[size, size]))[0]
