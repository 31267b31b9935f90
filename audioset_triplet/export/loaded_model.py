"""Models that embed audio: what every one of them gives, and the SavedModels of this project.

Shapes: R windows, D embedding size.
"""

from typing import Protocol, Sequence, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.errors import UserError


class EmbeddingModel(Protocol):
    """A model that maps windows of a waveform to embeddings."""

    model_id: str  # embeddings of two models are never compared
    front_end_id: str
    sample_rate_hz: int
    num_channels: int
    window_samples: int
    hop_samples: int
    hop_seconds: float
    embedding_size: int

    def embed_windows(self, windows: Sequence[np.ndarray]) -> Tuple[np.ndarray, np.ndarray]:
        """R windows, float32 [window_samples] each -> unit embeddings [R, D] and positive weights [R]."""
        ...


def load(config: EmbeddingModelConfig) -> EmbeddingModel:
    """The model that a config names.

    Raises:
        UserError: there is none, or it does not map waveforms to embeddings.
    """
    return ExportedModel(config.model)


class ExportedModel:
    """An exported SavedModel: what it takes and gives is read from it, not from the registry of front ends.

    Raises:
        UserError: the folder holds none, or one that does not map waveforms to embeddings of windows.
    """

    def __init__(self, folder: str) -> None:
        if not tf.saved_model.contains_saved_model(folder):
            raise UserError(f"{folder} holds no SavedModel: experiments.export_model writes one.")
        try:
            self._model = tf.saved_model.load(folder)
        except (OSError, LookupError, tf.errors.OpError) as error:  # LookupError: a file that ends too soon
            raise UserError(f"{folder}: the SavedModel is damaged ({error}); export it again.") from error
        try:
            self._serve = self._model.signatures["serving_default"]
            self.model_id = self._model.model_id().numpy().decode()
            self.front_end_id = self._model.front_end_id().numpy().decode()
            front_end = {name: int(value) for name, value in self._model.front_end().items()}
            self.sample_rate_hz, self.num_channels = front_end["sample_rate_hz"], front_end["num_channels"]
            self.window_samples, self.hop_samples = front_end["window_samples"], front_end["hop_samples"]
            self.embedding_size = int(self._serve.structured_outputs["embedding"].shape[-1])
            self._serve.structured_outputs["window_weights"]
        except (AttributeError, KeyError) as error:
            raise UserError(
                f"{folder} holds a SavedModel that this version of experiments.export_model did not write; export it "
                "again."
            ) from error
        self.hop_seconds = self.hop_samples / self.sample_rate_hz

    def embed_windows(self, windows: Sequence[np.ndarray]) -> Tuple[np.ndarray, np.ndarray]:
        """R windows, float32 [window_samples] each -> unit embeddings [R, D] and positive weights [R]."""
        if not windows:
            return np.zeros([0, self.embedding_size], np.float32), np.zeros([0], np.float32)
        lengths = tf.fill([len(windows)], self.window_samples)
        result = self._serve(waveform=tf.constant(np.stack(windows)), num_samples=lengths)
        return result["embedding"].numpy(), result["window_weights"].numpy()[:, 0]
