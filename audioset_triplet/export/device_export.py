"""A network -> a TFLite or ONNX file for devices: one window of audio in, its embedding, its scores or both out.

    waveform     float32 [1, L] in [-1, 1], one window at the model's sample rate, of several channels [1, L, A]; ONNX:
                 any number of windows, [R, L] or [R, L, A]
    embedding    float32 [1, D], unit length
    scores       float32 [1, C] from 0 to 1, of a classifier

The length is fixed because runtimes plan their memory, and choose their fast kernels, for shapes that they know. Both
formats have the front end as a product instead of an FFT: `frontend.registry.portable`.

Shapes: R windows, L samples of a window, A audio channels, D embedding size, C classes.
"""

import hashlib
import logging
import os
from typing import Any, Dict, Mapping, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from audioset_triplet import files
from audioset_triplet.config.export import ExportConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import (
    device_model,
    device_record,
    model_folder,
    model_record,
    network_parts,
    onnx_function,
    parity,
    saved_model,
    tflite_parts,
    trainable_head,
)
from audioset_triplet.export.parity import Agreement
from audioset_triplet.frontend import registry
from audioset_triplet.frontend.front_end import FrontEnd

_OPSET = 17  # of ONNX: onnxruntime 1.14 and newer
# The smallest cosine of a vector to the network's below which something is wrong: of audio, and by quantization of
# noise. Where bands of real audio are silent, the rounding of float32 is all that is in them; int8 knows no noise.
_LEAST_COSINE = 0.9
_LEAST_COSINE_OF_NOISE = {"float16": 0.999, "dynamic": 0.95}


class DeviceExport(NamedTuple):
    """What was written."""

    model_id: str
    agreement: Dict[str, Agreement]  # with the network, by output
    num_bytes: int  # of the model

    @property
    def description(self) -> str:
        """One line: its size, and how near it is to the network."""
        texts = [f"{name} {measured.cosine:.4f}" for name, measured in self.agreement.items()]
        return f"{self.num_bytes / 1e6:.2f} MB; smallest cosine to the network: {', '.join(texts)}"


def export(
    network: tf.keras.Model,
    folder: str,
    front_end: FrontEnd,
    origin: Mapping[str, object],
    class_names: Mapping[int, str],
    config: ExportConfig,
    windows: Optional[np.ndarray] = None,
) -> DeviceExport:
    """Writes the model of a network for a device, runs it, and compares the two.

    Args:
        network, folder, front_end, origin, class_names: as `saved_model.export` takes them.
        config: the format and the quantization.
        windows: audio, float32 [R, L] or [R, L, A], to learn ranges from and to compare on; None: noise.

    Raises:
        UserError: what `model_folder.replacing` raises; the format has no operator for something in the network;
            nothing to quantize; a library is missing; a model that is far from the network on the windows.
        RuntimeError: a model of float32 does not compute on noise what the network computes.
    """
    if config.head_classes and "embedding" not in model_record.sizes(network):
        raise UserError("--head_classes: the head learns on an embedding, and this classifier has none (--bottleneck).")
    windows = parity.noise_windows(front_end) if windows is None else windows
    model_id = model_record.model_id_of(network, class_names)
    with model_folder.replacing(folder) as written:
        os.makedirs(written)
        if config.format == "onnx":
            name, graph, add_record = model_folder.ONNX, _onnx(network, front_end), device_record.add_to_onnx
        else:
            graph = _tflite(network, front_end, config.quantization, windows)
            name, add_record = model_folder.TFLITE, device_record.add_to_tflite
        if config.quantization != "none":
            model_id = f"{model_id}-{config.quantization}-{hashlib.sha256(graph).hexdigest()[:6]}"
        of_network = model_record.of_network(network, model_id, front_end, class_names)
        record = {**of_network, **origin, "quantization": config.quantization}
        content = add_record(graph, record)
        path = os.path.join(written, name)
        _write(path, content)
        measured = _compare(network, front_end, path, windows, config.quantization)
        agreement = {output: vars(of_output) for output, of_output in measured.items()}
        files.write_json(os.path.join(written, model_folder.RECORD), {**record, "agreement": agreement})
        if class_names:
            files.write_text(os.path.join(written, model_folder.CLASSES), model_record.classes_csv(class_names))
        if config.head_classes:
            size = model_record.sizes(network)["embedding"]
            _write(os.path.join(written, model_folder.HEAD), trainable_head.convert(size, config.head_classes))
    return DeviceExport(model_id, measured, len(content))


def _write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def _tflite(network: tf.keras.Model, front_end: FrontEnd, quantization: str, windows: np.ndarray) -> bytes:
    """Front end, weights and the rest of the network, of which the weights alone are quantized."""
    parts = network_parts.split(network)
    waveform = saved_model.waveform_spec(front_end, 1, front_end.window_samples)
    features = tf.TensorSpec([1, *front_end.feature_shape], tf.float32, "features")
    outputs = list(model_record.sizes(network))
    converted = [tflite_parts.convert(lambda waveform: {"features": _features(front_end, waveform)}, [waveform])]
    if parts.body is None and quantization != "none":
        raise UserError(f"--quantization={quantization}: {network.name} has no weights.")
    if parts.body is not None:
        body = parts.body

        def examples() -> Any:
            return ([_features(front_end, tf.constant(window[np.newaxis])).numpy()] for window in windows)

        converted.append(
            tflite_parts.convert(
                lambda features: body(features, training=False), [features], body.variables, quantization, examples
            )
        )
    if parts.finishes:
        specs = [_raw_spec(parts, name, features) for finish in parts.finishes.values() for name in finish.raw]
        uses = [variable for finish in parts.finishes.values() for variable in finish.model.variables]
        converted.append(tflite_parts.convert(_finish(parts), specs, uses))
    return tflite_parts.join(converted, outputs)


def _raw_spec(parts: network_parts.NetworkParts, name: str, features: tf.TensorSpec) -> tf.TensorSpec:
    """A raw output, which a finish takes."""
    return features if parts.body is None else tf.TensorSpec([1, *parts.body.output_shape[name][1:]], tf.float32, name)


def _finish(parts: network_parts.NetworkParts) -> Any:
    """A function of all raw outputs, in the order of `finishes`."""

    def finish(*raw: tf.Tensor) -> Dict[str, tf.Tensor]:
        rest, outputs = list(raw), {}
        for name, (names, model) in parts.finishes.items():
            outputs[name] = model(rest[: len(names)] if len(names) > 1 else rest[0])
            rest = rest[len(names) :]
        return outputs

    return finish


def _features(front_end: FrontEnd, waveform: tf.Tensor) -> tf.Tensor:
    """Windows [R, L] or [R, L, A] -> their features [R, *feature_shape]."""
    return front_end.features(waveform)


def _onnx(network: tf.keras.Model, front_end: FrontEnd) -> bytes:
    """Front end and network as one graph, of any number of windows."""
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    tf2onnx = onnx_function.require_library("tf2onnx")
    function = tf.function(
        lambda waveform: parity.named(network(_features(front_end, waveform), training=False)),
        input_signature=[saved_model.waveform_spec(front_end, None, front_end.window_samples)],
        autograph=False,
    )
    model, _ = tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=_OPSET)
    return model.SerializeToString()


def _compare(
    network: tf.keras.Model, front_end: FrontEnd, path: str, windows: np.ndarray, quantization: str
) -> Dict[str, Agreement]:
    """Runs the written file in its runtime, beside the network with the front end that it has learned with."""
    opened = device_model.open_file(path)
    assert opened is not None
    function = opened[0]

    def run(window: np.ndarray) -> Mapping[str, np.ndarray]:
        return function.run(function.layout.arrange(window))

    of_noise = parity.of_windows(network, front_end, run, parity.noise_windows(front_end))
    if quantization == "none":
        for name, of_output in of_noise.items():
            parity.require_equal(name, of_output)
    elif quantization in _LEAST_COSINE_OF_NOISE:
        _require_near(of_noise, _LEAST_COSINE_OF_NOISE[quantization], quantization)
    measured = parity.of_windows(network, registry.find(front_end.id) or front_end, run, windows)
    _require_near(measured, _LEAST_COSINE, quantization)
    return measured


def _require_near(measured: Mapping[str, Agreement], least: float, quantization: str) -> None:
    for name, of_output in measured.items():
        if not of_output.cosine >= least:
            raise UserError(
                f"--quantization={quantization}: the {name} of a window has a cosine of {of_output.cosine:.4f} to the "
                f"network's, below {least:g}: take another quantization, or other --calibration."
            )
