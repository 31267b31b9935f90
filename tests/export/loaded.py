"""How tests embed with models of others."""

import numpy as np

from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.export import embedder, loaded_model
from tests.foreign_models import RATE_HZ, noise

RECORDING = noise(5 * RATE_HZ, 3) * np.linspace(1, 0.01, 5 * RATE_HZ, dtype=np.float32)


def load(path, **options):
    return loaded_model.load(EmbeddingModelConfig(model=str(path), **options))


def embed(model, waveform):
    """The windows of a waveform through the embedder's cut and the model: embeddings, weights, start times."""
    windows = list(embedder.cut_windows(iter([waveform]), model))
    return (*model.window_vectors([window.samples for window in windows]), [window.start_seconds for window in windows])
