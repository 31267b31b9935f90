"""The TFLite and ONNX files of experiments.export_model as a `WindowModel`: they say what they take.

Shapes: R windows, L samples, D size of a vector.
"""

from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

import numpy as np

from audioset_triplet import __version__
from audioset_triplet.errors import UserError
from audioset_triplet.export import device_record, model_record
from audioset_triplet.export.waveform_function import WaveformFunction
from audioset_triplet.frontend import loudness
from audioset_triplet.store.embedding_parts import StoreInfo
from audioset_triplet.store.part_info import PartInfo
from audioset_triplet.store.window_scores import ScoreInfo

_OUTPUTS = {StoreInfo.KIND: "embedding", ScoreInfo.KIND: "scores"}


def open_file(path: str, num_threads: int = 1) -> Optional[Tuple[WaveformFunction, Dict[str, Any]]]:
    """The function of a file and its record; None: the file is not of this project.

    Raises:
        UserError: it is damaged, or an ONNX file of others.
    """
    if device_record.is_onnx(path):
        from audioset_triplet.export.onnx_function import OnnxFunction  # of an extra

        function = OnnxFunction(path, num_threads)
        return function, device_record.of_onnx(path, function.metadata)
    record = device_record.of_tflite(path)
    if record is None:
        return None
    from audioset_triplet.export.tflite_function import TFLiteFunction  # which takes a second to load

    return TFLiteFunction(path, "", int(record.get("num_channels", 1)), num_threads), record


class DeviceModel:
    """An exported TFLite or ONNX file.

    Raises:
        UserError: its record is damaged, or it gives no vectors of the kind.
    """

    def __init__(self, path: str, function: WaveformFunction, record: Mapping[str, Any], kind: str) -> None:
        """Opens a model.

        Args:
            path: of the file.
            function: its function.
            record: what it says of itself.
            kind: what it is to give: embeddings or scores.
        """
        self._function = function
        self._output = _OUTPUTS[kind]
        self.windows_per_call: Optional[int] = function.layout.batch_size
        if f"{self._output}_size" not in record:
            raise UserError(f"{path} {model_record.LACKS[kind]}")
        try:
            self.sample_rate_hz, self.num_channels = int(record["sample_rate_hz"]), int(record["num_channels"])
            self.window_samples, self.hop_samples = int(record["window_samples"]), int(record["hop_samples"])
            self.hop_seconds = self.hop_samples / self.sample_rate_hz
            self.info = self._info(record, kind)
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise UserError(f"{path}: what it says of itself is damaged ({error!r}); export it again.") from error

    def _info(self, record: Mapping[str, Any], kind: str) -> PartInfo:
        ids = (str(record["model_id"]), str(record["front_end_id"]))
        if kind == StoreInfo.KIND:
            return StoreInfo(*ids, int(record["embedding_size"]), __version__)
        classes = {int(index): str(name) for index, name in record["classes"].items()}
        seconds = (self.window_samples / self.sample_rate_hz, self.hop_seconds)
        return ScoreInfo(*ids, __version__, tuple(classes), tuple(classes.values()), *seconds)

    @property
    def front_end_id(self) -> str:
        return self.info.front_end_id

    @property
    def description(self) -> str:
        """One line: the model and what it takes."""
        return f"{self.info.model_id}, {self.info.front_end_id}"

    def window_vectors(self, windows: Sequence[np.ndarray]) -> Tuple[np.ndarray, np.ndarray]:
        """R windows, float32 [L] or [L, channels] -> unit embeddings or scores [R, D] and positive weights [R]."""
        if not windows:
            return np.zeros([0, self.info.vector_size], np.float32), np.zeros([0], np.float32)
        stacked = np.stack(windows)
        step = self.windows_per_call or len(stacked)
        parts = [
            self._function.run(self._function.layout.arrange(stacked[start : start + step]))[self._output]
            for start in range(0, len(stacked), step)
        ]
        return np.concatenate(parts), loudness.weights_of_windows(stacked, self)
