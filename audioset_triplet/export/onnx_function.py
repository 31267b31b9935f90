"""An ONNX file as a `WaveformFunction`, run by onnxruntime (the extra `onnx`)."""

import hashlib
import importlib
from typing import Any, Dict, Mapping, Optional, Tuple

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.export.waveform_function import input_layout, shape_text


def require_library(name: str) -> Any:
    """A library of the extra `onnx`; a UserError says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(f'{name} cannot be imported ({error}): pip install -e ".[onnx]" gets it.') from error


class OnnxFunction:
    """The graph of an ONNX file.

    Raises:
        UserError: onnxruntime is not installed; not an ONNX file, a damaged one, or one that does not take a waveform
            alone.
    """

    num_classes: Optional[int] = None

    def __init__(self, path: str, num_threads: int = 1) -> None:
        """Opens a file; see `TFLiteFunction`."""
        onnxruntime = require_library("onnxruntime")
        self.name = path
        with open(path, "rb") as file:
            content = file.read()
        self.digest = hashlib.sha256(content).hexdigest()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # its errors are raised too
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # of onnxruntime: a class of its own for each kind of damage
            raise UserError(f"{path}: is no ONNX file, or a damaged one: {' '.join(str(error).split())}") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise UserError(f"{path} takes {len(inputs)} inputs: not a waveform alone.")
        shape = [size if isinstance(size, int) else None for size in inputs[0].shape]
        channels = shape[-1] or 1 if len(shape) == 3 else 1
        where = f"{path}: input {inputs[0].name} ({inputs[0].type} {shape_text(shape)})"
        self.layout = input_layout(where, inputs[0].type == "tensor(float)", shape, channels)
        self._input = inputs[0].name
        self._outputs = [item.name for item in self._session.get_outputs()]

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the file says of itself."""
        return self._session.get_modelmeta().custom_metadata_map

    def run(self, waveforms: np.ndarray) -> Dict[str, np.ndarray]:
        """An array as the layout arranges it -> the outputs by name, float32."""
        try:
            return dict(zip(self._outputs, self._session.run(self._outputs, {self._input: waveforms})))
        except Exception as error:  # as above
            reason = " ".join(str(error).split())
            raise UserError(f"{self.name} fails on samples of shape {shape_text(waveforms.shape)}: {reason}") from error

    def inner_shapes(self) -> Dict[str, Tuple[int, ...]]:
        """None: an ONNX file gives its outputs alone."""
        return {}
