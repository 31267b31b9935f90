"""A TFLite file as a `WaveformFunction`; its inner tensors may be outputs too."""

import contextlib
import hashlib
import os
import warnings
from typing import Any, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
import tensorflow as tf
from tensorflow.lite.tools import flatbuffer_utils

from audioset_triplet.errors import UserError
from audioset_triplet.export.waveform_function import input_layout, shape_text

_IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every TFLite file


class TFLiteFunction:
    """The main graph of a TFLite file.

    An output has the name that a signature of the file gives it, else that of its tensor.

    Raises:
        UserError: not a TFLite file, a damaged one, or one that does not take a waveform alone.
    """

    num_classes: Optional[int] = None  # a label file that is packed with the model is not read

    def __init__(self, path: str, output_name: str, channels: int, num_threads: int = 1) -> None:
        """Opens a file.

        Args:
            path: the file.
            output_name: an output, or any tensor, that `run` must give; empty: the outputs alone.
            channels: of the waveforms.
            num_threads: of the interpreter.
        """
        self.name = path
        with open(path, "rb") as file:
            self._content = file.read()  # kept, since the interpreter does not copy it
        self.digest = hashlib.sha256(self._content).hexdigest()
        self._graph = _read_graph(path, self._content)
        self._interpreter = _open(path, self._content, num_threads)
        inputs = self._interpreter.get_input_details()
        texts = [f"{item['name']} ({item['dtype'].__name__} {shape_text(_shape(item))})" for item in inputs]
        if len(inputs) != 1:
            raise UserError(f"{path} takes {len(inputs)} inputs, {', '.join(texts)}: not a waveform alone.")
        is_float32 = inputs[0]["dtype"] == np.float32
        self.layout = input_layout(f"{path}: input {texts[0]}", is_float32, _shape(inputs[0]), channels)
        self._input = inputs[0]["index"]
        self._allocated: Tuple[int, ...] = ()
        self._details: List[Dict[str, Any]] = []  # of the outputs, since it was allocated

        outputs = self._interpreter.get_output_details()
        self._outputs = {self._graph.output_names.get(item["index"], item["name"]): item["index"] for item in outputs}
        if output_name and output_name not in self._outputs:
            tensors = {item["name"]: item["index"] for item in self._computed()}
            if output_name in tensors:
                if tensors[output_name] not in self._outputs.values():
                    self._content = _with_output(self._content, tensors[output_name])
                    self._interpreter = _open(path, self._content, num_threads)
                self._outputs = {output_name: tensors[output_name]}

    def run(self, waveforms: np.ndarray) -> Dict[str, np.ndarray]:
        """An array as the layout arranges it -> the outputs by name, float32."""
        try:
            if waveforms.shape != self._allocated:
                with silent_stderr():
                    self._interpreter.resize_tensor_input(self._input, waveforms.shape)
                    self._interpreter.allocate_tensors()
                self._allocated = waveforms.shape
                details = {item["index"]: item for item in self._interpreter.get_tensor_details()}
                self._details = [details[index] for index in self._outputs.values()]
            self._interpreter.set_tensor(self._input, waveforms)
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            self._allocated = ()
            raise UserError(f"{self.name} fails on samples of shape {shape_text(waveforms.shape)}: {error}") from error
        return {name: self._values(item) for name, item in zip(self._outputs, self._details)}

    def inner_shapes(self) -> Dict[str, Tuple[int, ...]]:
        """The inner tensors by name, with their shapes in the last call."""
        inner = [item for item in self._computed() if item["index"] not in self._outputs.values()]
        return {item["name"]: tuple(item["shape"]) for item in inner if _is_real(item)}

    def _computed(self) -> List[Dict[str, Any]]:
        return [item for item in self._interpreter.get_tensor_details() if item["index"] in self._graph.computed]

    def _values(self, item: Dict[str, Any]) -> np.ndarray:
        values = self._interpreter.get_tensor(item["index"])
        scale, zero = item["quantization"]
        return (values.astype(np.float32) - zero) * np.float32(scale) if scale else values.astype(np.float32)


class _Graph(NamedTuple):
    computed: FrozenSet[int]  # the tensors that an operator writes; all others are inputs and constants
    output_names: Dict[int, str]  # of the tensors that a signature names


def _read_graph(path: str, content: bytes) -> _Graph:
    """The main graph of a file.

    The whole file is read for it, so that a damaged one is found: `tf.lite.Interpreter` crashes on one that is cut
    short.
    """
    if content[4:8] != _IDENTIFIER:
        raise UserError(
            f"{path} is not a TFLite file: --model takes one, or the folder of a SavedModel, unpacked, with "
            "saved_model.pb in it. A Keras model writes one by model.export(FOLDER)."
        )
    try:
        model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
        computed = [index for operator in model.subgraphs[0].operators for index in operator.outputs]
        signatures = [item for item in model.signatureDefs or () if item.subgraphIndex == 0]
        names = {output.tensorIndex: output.name.decode() for item in signatures for output in item.outputs}
    except Exception as error:  # of flatbuffers, NumPy or struct, depending on the damage
        raise UserError(f"{path}: the TFLite file is damaged; get it again.") from error
    return _Graph(frozenset(map(int, computed)), names)


def _with_output(content: bytes, tensor: int) -> bytes:
    """The same model with another tensor in place of its first output.

    The interpreter reuses the memory of inner tensors; told to keep them, it does without its fast operators (XNNPACK).
    """
    changed = bytearray(content)
    model = flatbuffer_utils.schema_fb.Model.GetRootAs(changed, 0)
    outputs = model.Subgraphs(0).OutputsAsNumpy()  # a view of the bytes
    outputs[0] = tensor
    return bytes(changed)


def _open(path: str, content: bytes, num_threads: int) -> Any:
    """An interpreter: LiteRT's where it is installed and has all operators, else TensorFlow's.

    One that cannot allocate its tensors before the length of its input is known says so in `run`.
    """
    interpreter, reason = None, ""
    for interpreter_class in _interpreter_classes():
        with silent_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the class is old
            try:
                interpreter = interpreter_class(model_content=content, num_threads=num_threads)
                interpreter.allocate_tensors()
                return interpreter
            except (RuntimeError, ValueError) as error:
                reason = str(error)
    if interpreter is None:
        raise UserError(f"{path}: the TFLite interpreter does not take it: {reason}")
    return interpreter


def _interpreter_classes() -> List[Any]:
    classes = [tf.lite.Interpreter]
    with contextlib.suppress(ImportError):
        from ai_edge_litert.interpreter import Interpreter

        classes.insert(0, Interpreter)
    return classes


def _is_real(item: Dict[str, Any]) -> bool:
    """Whether a tensor holds real numbers, perhaps quantized, and no counts or sizes."""
    return np.issubdtype(item["dtype"], np.floating) or bool(item["quantization"][0])


def _shape(item: Dict[str, Any]) -> List[Optional[int]]:
    return [None if size < 0 else int(size) for size in item["shape_signature"]]


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Drops what the interpreter writes to the terminal by itself, such as which delegate it made."""
    terminal, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nowhere)
