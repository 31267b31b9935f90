"""A SavedModel of others as a `WaveformFunction`: a signature, or the model or one of its functions called."""

import csv
import hashlib
import os
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet.errors import UserError, op_reason
from audioset_triplet.export.waveform_function import InputLayout, input_layout, shape_text

_SERVING, _CALL = "serving_default", "__call__"
_BLOCK_BYTES = 1 << 20


def load(folder: str) -> Any:
    """The object in the folder of a SavedModel.

    Raises:
        UserError: there is none, or it cannot be loaded.
    """
    if not tf.saved_model.contains_saved_model(folder):
        raise UserError(
            f"{folder} holds no SavedModel: --model takes what experiments.export_model writes, or the folder of a "
            "SavedModel or the .tflite file of others."
        )
    try:
        return tf.saved_model.load(folder)
    except (OSError, LookupError, tf.errors.OpError) as error:  # LookupError: a file that ends too soon
        raise UserError(f"{folder}: the SavedModel is damaged ({error}); export or download it again.") from error
    except ValueError as error:  # none or several graphs in it
        raise UserError(f"{folder}: the SavedModel cannot be loaded: {' '.join(str(error).split())}") from error


class SavedModelFunction:
    """A function of a SavedModel that takes a waveform.

    Raises:
        UserError: there is none of that name, or none that takes a waveform alone.
    """

    def __init__(self, folder: str, loaded: Any, signature: str, channels: int) -> None:
        """Chooses a function.

        Args:
            folder: where the model is.
            loaded: what `load` returned.
            signature: name of a signature or of a function of the model; empty: the first of serving_default, a call
                of the model, and its only signature that takes a waveform.
            channels: of the waveforms.
        """
        self._loaded = loaded  # holds the variables, which a signature alone would not
        function = _choose(folder, loaded, signature, channels)
        self.name = f"{folder}: {function.name}"
        self.layout = function.layout
        self._call = function.call
        self.digest = hashlib.sha256(f"{_digest(folder)} {function.name}".encode()).hexdigest()
        self.num_classes = _num_classes(loaded)

    def run(self, waveforms: np.ndarray) -> Dict[str, np.ndarray]:
        """An array as the layout arranges it -> the outputs by name, float32."""
        try:
            outputs = _named(self._call(tf.constant(waveforms, tf.float32)))
        except (tf.errors.OpError, ValueError, TypeError) as error:
            reason = op_reason(str(error)).splitlines()[0]
            raise UserError(f"{self.name} fails on samples of shape {shape_text(waveforms.shape)}: {reason}") from error
        return {name: tf.cast(value, tf.float32).numpy() for name, value in outputs.items()}

    def inner_shapes(self) -> Dict[str, Tuple[int, ...]]:
        """None: a SavedModel gives its outputs alone."""
        return {}


class _Function(NamedTuple):
    name: str
    layout: InputLayout
    call: Callable[[tf.Tensor], Any]


def _choose(folder: str, loaded: Any, signature: str, channels: int) -> _Function:
    """The function to call; what an unsuitable one takes is the error."""
    signatures = dict(getattr(loaded, "signatures", {}))
    if signature:
        if signature in signatures:
            return _of_signature(folder, signature, signatures[signature], channels)
        function = getattr(loaded, signature, None)
        if not hasattr(function, "concrete_functions"):
            names = ", ".join([*signatures, *_functions(loaded)]) or "none"
            raise UserError(f"{folder} has no signature or function {signature}, but {names}: see --signature.")
        return _of_function(folder, signature, function, channels)

    if not signatures and not hasattr(getattr(loaded, _CALL, None), "concrete_functions"):
        names = ", ".join(_functions(loaded)) or "none"
        raise UserError(f"{folder} has no signature and cannot be called; its functions are {names}: see --signature.")
    reasons = []
    for name in [_SERVING, _CALL, *(signatures if len(signatures) == 1 else ())]:
        try:
            if name in signatures:
                return _of_signature(folder, name, signatures[name], channels)
            if hasattr(getattr(loaded, name, None), "concrete_functions"):
                return _of_function(folder, name, getattr(loaded, name), channels)
        except UserError as error:
            reasons.append(str(error))
    if reasons:
        raise UserError(reasons[0])
    raise UserError(f"{folder} has several signatures, {', '.join(signatures)}: choose one with --signature.")


def _functions(loaded: Any) -> Iterator[str]:
    """The names of the functions of a model that can be called."""
    return (name for name in dir(loaded) if hasattr(getattr(loaded, name, None), "concrete_functions"))


def _of_signature(folder: str, name: str, function: Any, channels: int) -> _Function:
    where = f"{folder}: signature {name}"
    specs = function.structured_input_signature[1]
    if len(specs) != 1:
        texts = ", ".join(f"{key} {_spec_text(spec)}" for key, spec in specs.items())
        raise UserError(f"{where} takes {len(specs)} inputs, {texts}: not a waveform alone.")
    ((key, spec),) = specs.items()
    layout = _layout(f"{where}: input {key}", spec, channels)
    return _Function(name, layout, lambda waveform: function(**{key: waveform}))


def _of_function(folder: str, name: str, function: Any, channels: int) -> _Function:
    """One of the ways to call a function: with a tensor alone, not in training, of a batch where it can be."""
    where = f"{folder}: {name}"
    ways: List[Tuple[bool, int, _Function]] = []
    reason = f"{where} takes no waveform alone."
    for way in function.concrete_functions:
        leaves = tf.nest.flatten(way.structured_input_signature)
        specs = [leaf for leaf in leaves if isinstance(leaf, tf.TensorSpec)]
        if len(specs) != 1:
            continue
        try:
            layout = _layout(where, specs[0], channels)
        except UserError as error:
            reason = str(error)
            continue
        is_training = any(leaf is True for leaf in leaves)
        call = _with_waveform(function, way.structured_input_signature)
        ways.append((is_training, -layout.has_batch, _Function(name, layout, call)))
    if not ways:
        raise UserError(reason)
    return min(ways, key=lambda way: way[:2])[2]


def _with_waveform(function: Any, structure: Tuple[Any, Any]) -> Callable[[tf.Tensor], Any]:
    """The function with its other arguments as they were when it was saved."""

    def call(waveform: tf.Tensor) -> Any:
        arguments, named = tf.nest.map_structure(
            lambda leaf: waveform if isinstance(leaf, tf.TensorSpec) else leaf, structure
        )
        return function(*arguments, **named)

    return call


def _layout(where: str, spec: tf.TensorSpec, channels: int) -> InputLayout:
    shape = None if spec.shape.rank is None else spec.shape.as_list()
    return input_layout(f"{where} ({_spec_text(spec)})", spec.dtype == tf.float32, shape, channels)


def _spec_text(spec: tf.TensorSpec) -> str:
    return f"{spec.dtype.name} {shape_text(None if spec.shape.rank is None else spec.shape.as_list())}"


def _named(result: Any) -> Dict[str, tf.Tensor]:
    """The float tensors of a result by name; those without one are called output_0, output_1, ..., as in signatures."""
    if hasattr(result, "_asdict"):
        result = result._asdict()
    items = result if isinstance(result, (list, tuple)) else [result]
    named = result if isinstance(result, dict) else {f"output_{index}": item for index, item in enumerate(items)}
    return {name: value for name, value in named.items() if tf.is_tensor(value) and value.dtype.is_floating}


def _num_classes(loaded: Any) -> Optional[int]:
    """How many classes YAMNet's list of them has; None without such a list."""
    if not hasattr(loaded, "class_map_path"):
        return None
    with tf.io.gfile.GFile(loaded.class_map_path().numpy().decode()) as file:
        return sum(1 for _ in csv.DictReader(file))


def _digest(folder: str) -> str:
    """Of all files that make the model: graph, weights, assets."""
    digest = hashlib.sha256()
    paths = [os.path.join(place, name) for place, _, names in tf.io.gfile.walk(folder) for name in names]
    for path in sorted(paths):
        part = os.path.relpath(path, folder).split(os.sep)
        if part[0] in ("saved_model.pb", "saved_model.pbtxt", "variables", "assets"):
            digest.update("/".join(part).encode())
            with tf.io.gfile.GFile(path, "rb") as file:
                for block in iter(lambda: file.read(_BLOCK_BYTES), b""):
                    digest.update(block)
    return digest.hexdigest()
