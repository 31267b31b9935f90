"""Models that map windows of audio to vectors: what every one of them gives, which one a config names, and this
project's SavedModels (`device_model` has its TFLite and ONNX files, `foreign_model` those of others).

Shapes: R windows, D size of a vector.
"""

import os
from typing import Any, Optional, Protocol, Sequence, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet import __version__
from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import device_model, model_folder, model_record, saved_model_function
from audioset_triplet.export.device_model import DeviceModel
from audioset_triplet.export.foreign_model import ForeignModel
from audioset_triplet.export.waveform_function import WaveformFunction
from audioset_triplet.store.embedding_parts import StoreInfo
from audioset_triplet.store.part_info import PartInfo
from audioset_triplet.store.window_scores import ScoreInfo

# Of clips of one window each.
_OUTPUTS = {StoreInfo.KIND: "embedding", ScoreInfo.KIND: "window_scores"}


class WindowModel(Protocol):
    """A model that maps windows of a waveform to vectors of one kind: embeddings, or scores."""

    info: PartInfo  # of the vectors; those of two models are never compared
    sample_rate_hz: int
    num_channels: int
    window_samples: int
    hop_samples: int
    hop_seconds: float
    # None: the windows of `window_vectors` share a call, and only calls of equal size give equal bits.
    windows_per_call: Optional[int]

    @property
    def front_end_id(self) -> str: ...

    @property
    def description(self) -> str:
        """One line that says what it takes and gives."""
        ...

    def window_vectors(self, windows: Sequence[np.ndarray]) -> Tuple[np.ndarray, np.ndarray]:
        """R windows, float32 [window_samples] each -> vectors [R, D] and positive weights [R]."""
        ...


def load(config: EmbeddingModelConfig, kind: str = StoreInfo.KIND) -> WindowModel:
    """The model that a config names.

    Args:
        config: which one.
        kind: what it is to give: embeddings or scores.

    Raises:
        UserError: there is none, or it does not map waveforms to such vectors.
    """
    path = model_folder.device_file(config.model)
    device = device_model.open_file(path) if os.path.isfile(path) else None
    loaded = None if os.path.isfile(path) else saved_model_function.load(path)
    if device or hasattr(loaded, "front_end_id"):
        if config.adapter_flags():
            raise UserError(
                f"{', '.join(config.adapter_flags())}: for models of others; {config.model} is from "
                "experiments.export_model and says itself what it takes."
            )
        return DeviceModel(path, *device, kind) if device else ExportedModel(config.model, loaded, kind)
    function = _of_others(config, path, loaded)  # before what is asked of it: the file may be damaged
    if kind != StoreInfo.KIND:
        raise UserError(
            f"{config.model} is not from experiments.export_model, and does not say which classes its scores are of: "
            "its vectors can be stored as embeddings alone."
        )
    return ForeignModel(config, function)


def _of_others(config: EmbeddingModelConfig, path: str, loaded: Any) -> WaveformFunction:
    if loaded is not None:
        return saved_model_function.SavedModelFunction(config.model, loaded, config.signature, config.channels)
    if config.signature:
        raise UserError(f"--signature={config.signature}: {config.model} is a file; SavedModels have signatures.")
    from audioset_triplet.export import tflite_function  # TensorFlow's part for TFLite takes a second to load

    return tflite_function.TFLiteFunction(path, config.output_name, config.channels)


class ExportedModel:
    """An exported SavedModel: what it takes and gives is read from it, not from the registry of front ends.

    Raises:
        UserError: the folder holds none, or one that does not map waveforms to vectors of the kind for windows.
    """

    windows_per_call: Optional[int] = None

    def __init__(self, folder: str, loaded: Any = None, kind: str = StoreInfo.KIND) -> None:
        """Opens a model.

        Args:
            folder: where it is.
            loaded: the same model, where it is loaded already.
            kind: what it is to give: embeddings or scores.
        """
        self._model = saved_model_function.load(folder) if loaded is None else loaded
        self._output = _OUTPUTS[kind]
        try:
            self._serve = self._model.signatures["serving_default"]
            model_id = self._model.model_id().numpy().decode()
            front_end_id = self._model.front_end_id().numpy().decode()
            front_end = {name: int(value) for name, value in self._model.front_end().items()}
            self.sample_rate_hz, self.num_channels = front_end["sample_rate_hz"], front_end["num_channels"]
            self.window_samples, self.hop_samples = front_end["window_samples"], front_end["hop_samples"]
            self._serve.structured_outputs["window_weights"]
        except (AttributeError, KeyError) as error:
            raise UserError(
                f"{folder} holds a SavedModel that this version of experiments.export_model did not write; export it "
                "again."
            ) from error
        self.hop_seconds = self.hop_samples / self.sample_rate_hz
        if self._output not in self._serve.structured_outputs:
            raise UserError(f"{folder} {model_record.LACKS[kind]}")
        self.info: PartInfo = StoreInfo(model_id, front_end_id, self._vector_size, __version__)
        if kind == ScoreInfo.KIND:
            classes = {name: value.numpy().tolist() for name, value in self._model.classes().items()}
            names = tuple(name.decode() for name in classes["names"])
            seconds = (self.window_samples / self.sample_rate_hz, self.hop_seconds)
            self.info = ScoreInfo(model_id, front_end_id, __version__, tuple(classes["indices"]), names, *seconds)

    @property
    def front_end_id(self) -> str:
        return self.info.front_end_id

    @property
    def description(self) -> str:
        """One line: the model and what it takes."""
        return f"{self.info.model_id}, {self.info.front_end_id}"

    def window_vectors(self, windows: Sequence[np.ndarray]) -> Tuple[np.ndarray, np.ndarray]:
        """R windows, float32 [window_samples] each -> unit embeddings or scores [R, D] and positive weights [R]."""
        if not windows:
            return np.zeros([0, self._vector_size], np.float32), np.zeros([0], np.float32)
        lengths = tf.fill([len(windows)], self.window_samples)
        result = self._serve(waveform=tf.constant(np.stack(windows)), num_samples=lengths)
        return result[self._output].numpy().reshape(len(windows), -1), result["window_weights"].numpy()[:, 0]

    @property
    def _vector_size(self) -> int:
        return int(self._serve.structured_outputs[self._output].shape[-1])
