"""Any model that `embed` takes, as a module of the HEAR benchmark (https://hearbenchmark.com/hear-api.html).

    hear-validator audioset_triplet.export.hear --model model
    python -m heareval.embeddings.runner audioset_triplet.export.hear --model model --tasks-dir tasks

The path is that of a model of `experiments.export_model` in any format, or of somebody else's that needs no flag.
Without a path the model is the features of the log-mel front end, at unit length.

Shapes: S sounds, L samples of each, T timestamps, D embedding size.
"""

import itertools
from typing import Iterable, List, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet import __version__
from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import embedder, loaded_model
from audioset_triplet.export.loaded_model import WindowModel
from audioset_triplet.frontend import call_sizes, loudness, registry
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.store.embedding_parts import StoreInfo
from audioset_triplet.store.part_info import PartInfo

_HOP_MS = 50.0  # of timestamps, as the benchmark suggests


class Model(tf.Module):
    """A model with the attributes that HEAR asks for: the rate of its waveforms, and the size of its embeddings."""

    def __init__(self, model: WindowModel) -> None:
        super().__init__()
        self.window_model = model
        self.sample_rate = int(model.sample_rate_hz)
        self.scene_embedding_size = self.timestamp_embedding_size = int(model.info.vector_size)

    def vectors(self, windows: Iterable[np.ndarray]) -> Tuple[np.ndarray, np.ndarray]:
        """Windows, one after the other -> their embeddings [R, D] and loudness weights [R]."""
        successive, size = iter(windows), call_sizes.windows_per_call(self.window_model)
        parts: List[Tuple[np.ndarray, np.ndarray]] = []
        while batch := list(itertools.islice(successive, size)):
            parts.append(self.window_model.window_vectors(batch))
        vectors, weights = zip(*parts)
        return np.concatenate(vectors), np.concatenate(weights)


class _Features:
    """The features of a front end as a `WindowModel`."""

    windows_per_call: Optional[int] = None

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end = front_end
        self.sample_rate_hz, self.num_channels = front_end.sample_rate_hz, front_end.num_channels
        self.window_samples, self.hop_samples = front_end.window_samples, front_end.hop_samples
        self.hop_seconds, self.front_end_id = front_end.hop_seconds, front_end.id
        size = int(np.prod(front_end.feature_shape))
        self.info: PartInfo = StoreInfo(front_end.id, front_end.id, size, __version__)
        self.description = front_end.id

    def window_vectors(self, windows: Sequence[np.ndarray]) -> Tuple[np.ndarray, np.ndarray]:
        """R windows, float32 [window_samples] -> their features at unit length [R, D] and weights [R]."""
        if not windows:
            return np.zeros([0, self.info.vector_size], np.float32), np.zeros([0], np.float32)
        stacked = np.stack(windows)
        features = tf.reshape(self._front_end.windows(tf.constant(stacked)), [len(windows), -1])
        return tf.math.l2_normalize(features, axis=1).numpy(), loudness.weights_of_windows(stacked, self)


def load_model(model_file_path: str = "") -> Model:
    """The model of a path.

    Args:
        model_file_path: a folder or file, as `--model` of experiments.embed takes it; empty: log-mel features.

    Raises:
        UserError: there is none, it gives no embedding, or it takes several channels.
    """
    if not model_file_path:
        return Model(_Features(registry.by_name("log_mel")))
    model = loaded_model.load(EmbeddingModelConfig(model=model_file_path))
    if model.num_channels != 1:
        raise UserError(f"{model_file_path} takes {model.num_channels} channels, and HEAR gives one.")
    return Model(model)


def get_timestamp_embeddings(audio: tf.Tensor, model: Model, hop_ms: float = _HOP_MS) -> Tuple[tf.Tensor, tf.Tensor]:
    """Embeddings of windows around timestamps.

    Args:
        audio: float32 [S, L] in [-1, 1], at `model.sample_rate`.
        model: from `load_model`.
        hop_ms: from one timestamp to the next.

    Returns:
        Embeddings, float32 [S, T, D], and the centre of the window of each in milliseconds, float32 [S, T]: 0, hop,
        2 hop, ... up to the end of the sound, around which there is silence.
    """
    waveforms = np.asarray(audio, np.float32)
    timestamps = _timestamps_ms(waveforms.shape[1], model.sample_rate, hop_ms)
    length = model.window_model.window_samples
    padded = np.pad(waveforms, [(0, 0), (length // 2, length)])
    starts = np.round(timestamps * model.sample_rate / 1000).astype(int)
    windows = (waveform[start : start + length] for waveform in padded for start in starts)
    vectors = model.vectors(windows)[0].reshape(len(waveforms), len(timestamps), -1)
    repeated = np.tile(timestamps.astype(np.float32), [len(waveforms), 1])
    return tf.constant(vectors, tf.float32), tf.constant(repeated)


def get_scene_embeddings(audio: tf.Tensor, model: Model) -> tf.Tensor:
    """The embeddings of whole sounds: the sum of those of their windows, weighted by loudness, at unit length.

    Args:
        audio: float32 [S, L] in [-1, 1], at `model.sample_rate`.
        model: from `load_model`.

    Returns:
        float32 [S, D].
    """
    scenes = []
    for waveform in np.asarray(audio, np.float32):
        cut = embedder.cut_windows(iter([waveform]), model.window_model)
        vectors, weights = model.vectors(window.samples for window in cut)
        total = weights @ vectors
        scenes.append(total / max(float(np.linalg.norm(total)), np.finfo(np.float32).tiny))
    return tf.constant(np.stack(scenes), tf.float32)


def _timestamps_ms(num_samples: int, sample_rate_hz: int, hop_ms: float) -> np.ndarray:
    """0, hop, 2 hop, ... not after the end."""
    return np.arange(int(num_samples / sample_rate_hz * 1000 / hop_ms + 1e-9) + 1) * hop_ms
