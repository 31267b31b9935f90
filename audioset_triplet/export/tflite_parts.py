"""Functions -> TFLite models, and several of them -> one, each of whose parts is quantized in its own way.

The converter quantizes a model as a whole or not at all. A spectrum does not survive that: its quiet bands are a
thousandth of the loud ones, less than one of 256 steps. So the front end is converted by itself, in float32, and the
graphs are put one behind the other in the file (schema of TFLite: tensorflow/compiler/mlir/lite/schema/schema.fbs).
"""

import re
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence

import numpy as np
import tensorflow as tf
from tensorflow.lite.tools import flatbuffer_utils

from audioset_triplet.errors import UserError
from audioset_triplet.export import tflite_function

SIGNATURE = "serving_default"
_OLDEST_RUNTIME = "min_runtime_version"  # metadata of every file


def convert(
    function: Callable[..., Mapping[str, tf.Tensor]],
    inputs: Sequence[tf.TensorSpec],
    uses: Sequence[tf.Variable] = (),
    quantization: str = "none",
    examples: Optional[Callable[[], Iterable[Sequence[np.ndarray]]]] = None,
) -> bytes:
    """A TFLite model of a function, of builtin operators alone.

    Args:
        function: tensors -> tensors by name.
        inputs: of the function; with names.
        uses: the variables that it reads.
        quantization: none; float16 or dynamic: the weights have 16 or 8 bits; int8: so have the activations.
        examples: gives inputs of the function, from which int8 learns the range of each activation.

    Raises:
        UserError: it has an operator that TFLite has not.
    """
    module = tf.Module()
    module.variables_used = list(uses)
    module.serve = tf.function(function, input_signature=inputs, autograph=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module)
    if quantization != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantization == "int8":
        converter.representative_dataset = examples
    return run(converter)


def run(converter: tf.lite.TFLiteConverter) -> bytes:
    """What a converter makes, without its notes on the terminal; a UserError where it needs other operators."""
    with tflite_function.silent_stderr():
        try:
            return converter.convert()
        except Exception as error:  # of the converter, which has no public class for it
            reason = re.sub(r"\s+", " ", str(error))[:300]
            raise UserError(f"the network cannot be converted to TFLite: {reason}") from error


def join(parts: Sequence[bytes], outputs: Sequence[str]) -> bytes:
    """Puts models one behind the other.

    Args:
        parts: models with one signature each. Each input of the second and later ones has the name of an output of one
            before.
        outputs: names of outputs of the parts, of the last that has one of this name: those of the whole.

    Returns:
        A model with the inputs of the first part.
    """
    whole, *others = (flatbuffer_utils.convert_bytearray_to_object(bytearray(part)) for part in parts)
    graph, signature = whole.subgraphs[0], whole.signatureDefs[0]
    produced = {_text(item.name): item.tensorIndex for item in signature.outputs}
    versions = [_oldest_runtime(whole)]
    for part in others:
        versions.append(_oldest_runtime(part))
        produced.update(_append(whole, part, produced))
    _set_oldest_runtime(whole, max(versions, key=_version_numbers))
    signature.outputs = [_tensor_map(name, produced[name]) for name in outputs]
    graph.outputs = [produced[name] for name in outputs]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(whole))


def _append(whole: Any, part: Any, produced: Mapping[str, int]) -> Dict[str, int]:
    """Adds the graph of a part to that of the whole; its outputs by name, as tensors of the whole."""
    graph, added, signature = whole.subgraphs[0], part.subgraphs[0], part.signatureDefs[0]
    moved: Dict[int, int] = {-1: -1}  # tensor of the part -> of the whole; -1 stands for an input that is left out
    for item in signature.inputs:
        moved[item.tensorIndex] = produced[_text(item.name)]
    for index, tensor in enumerate(added.tensors):
        if index not in moved:
            moved[index] = len(graph.tensors)
            tensor.buffer += len(whole.buffers)
            graph.tensors.append(tensor)
    for operator in added.operators:
        operator.opcodeIndex += len(whole.operatorCodes)
        for name in ("inputs", "outputs", "intermediates"):
            if getattr(operator, name) is not None:
                setattr(operator, name, [moved[int(index)] for index in getattr(operator, name)])
        graph.operators.append(operator)
    whole.buffers.extend(part.buffers)
    whole.operatorCodes.extend(part.operatorCodes)
    return {_text(item.name): moved[item.tensorIndex] for item in signature.outputs}


def _tensor_map(name: str, tensor: int) -> Any:
    item = flatbuffer_utils.schema_fb.TensorMapT()
    item.name, item.tensorIndex = name, tensor
    return item


def _oldest_runtime(model: Any) -> Optional[str]:
    """The oldest runtime that has all operators of a model, as it says."""
    for item in model.metadata or ():
        if _text(item.name) == _OLDEST_RUNTIME:
            return bytes(bytearray(model.buffers[item.buffer].data)).rstrip(b"\0").decode()
    return None


def _set_oldest_runtime(model: Any, version: Optional[str]) -> None:
    """Sets what a model says of runtimes, and drops what it says of its conversion, which was that of one part."""
    model.metadata = [item for item in model.metadata or () if _text(item.name) == _OLDEST_RUNTIME]
    for item in model.metadata:
        model.buffers[item.buffer].data = list((version or "").encode().ljust(16, b"\0"))


def _version_numbers(version: Optional[str]) -> List[int]:
    return [int(number) for number in re.findall(r"\d+", version or "")]


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else name
