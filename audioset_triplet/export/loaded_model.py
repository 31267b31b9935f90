"""Models that embed audio: what every one of them gives, which one a config names, and this project's SavedModels.

Shapes: R windows, D embedding size.
"""

import os
from typing import Any, Optional, Protocol, Sequence, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import saved_model_function
from audioset_triplet.export.foreign_model import ForeignModel


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
    # None: the windows of `embed_windows` share a call, and only calls of equal size give equal bits.
    windows_per_call: Optional[int]

    @property
    def description(self) -> str:
        """One line that says what it takes and gives."""
        ...

    def embed_windows(self, windows: Sequence[np.ndarray]) -> Tuple[np.ndarray, np.ndarray]:
        """R windows, float32 [window_samples] each -> unit embeddings [R, D] and positive weights [R]."""
        ...


def load(config: EmbeddingModelConfig) -> EmbeddingModel:
    """The model that a config names.

    Raises:
        UserError: there is none, or it does not map waveforms to embeddings.
    """
    if os.path.isfile(config.model):
        if config.signature:
            raise UserError(f"--signature={config.signature}: {config.model} is a file; SavedModels have signatures.")
        from audioset_triplet.export import tflite_function  # TensorFlow's part for TFLite takes a second to load

        file = tflite_function.TFLiteFunction(config.model, config.output_name, config.channels)
        return ForeignModel(config, file)
    loaded = saved_model_function.load(config.model)
    if hasattr(loaded, "front_end_id"):
        if config.adapter_flags():
            raise UserError(
                f"{', '.join(config.adapter_flags())}: for models of others; {config.model} is from "
                "experiments.export_model and says itself what it takes."
            )
        return ExportedModel(config.model, loaded)
    function = saved_model_function.SavedModelFunction(config.model, loaded, config.signature, config.channels)
    return ForeignModel(config, function)


class ExportedModel:
    """An exported SavedModel: what it takes and gives is read from it, not from the registry of front ends.

    Raises:
        UserError: the folder holds none, or one that does not map waveforms to embeddings of windows.
    """

    windows_per_call: Optional[int] = None

    def __init__(self, folder: str, loaded: Any = None) -> None:
        """Opens a model.

        Args:
            folder: where it is.
            loaded: the same model, where it is loaded already.
        """
        self._model = saved_model_function.load(folder) if loaded is None else loaded
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

    @property
    def description(self) -> str:
        """One line: the model and what it takes."""
        return f"{self.model_id}, {self.front_end_id}"

    def embed_windows(self, windows: Sequence[np.ndarray]) -> Tuple[np.ndarray, np.ndarray]:
        """R windows, float32 [window_samples] each -> unit embeddings [R, D] and positive weights [R]."""
        if not windows:
            return np.zeros([0, self.embedding_size], np.float32), np.zeros([0], np.float32)
        lengths = tf.fill([len(windows)], self.window_samples)
        result = self._serve(waveform=tf.constant(np.stack(windows)), num_samples=lengths)
        return result["embedding"].numpy(), result["window_weights"].numpy()[:, 0]
