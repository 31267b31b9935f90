"""Models in the shapes in which others publish theirs: random weights, a true front end, few numbers."""

import pathlib
from typing import Any, Callable, Dict, Optional, Sequence

import numpy as np
import tensorflow as tf

RATE_HZ, PATCH_SAMPLES, HOP_SAMPLES = 16000, 15600, 15360
NUM_CLASSES = 12
SIZES = {"yamnet": 1024, "vggish": 128}


class Frames(tf.Module):
    """Waveforms [..., L] -> the mean of each patch of 96 frames, through a random layer: [..., n, size]."""

    def __init__(self, size: int, patch_hop: int) -> None:
        super().__init__()
        random = np.random.default_rng(size)
        self.bands = tf.constant(np.abs(random.normal(size=[257, 16])), tf.float32)
        self.layer = tf.Variable(random.normal(size=[16, size]), dtype=tf.float32)
        self.patch_hop = patch_hop

    def log_mel(self, waveform: tf.Tensor) -> tf.Tensor:
        return tf.math.log(tf.matmul(tf.abs(tf.signal.stft(waveform, 400, 160, 512)), self.bands) + 0.01)

    def embeddings(self, log_mel: tf.Tensor) -> tf.Tensor:
        patches = tf.signal.frame(log_mel, 96, self.patch_hop, axis=-2)
        return tf.nn.relu(tf.matmul(tf.reduce_mean(patches, axis=-2), self.layer))


class YAMNet(Frames):
    """As on TF Hub: a waveform of any length, padded to whole patches -> (scores, embeddings, log-mel)."""

    def __init__(self, class_map: Optional[pathlib.Path] = None) -> None:
        super().__init__(SIZES["yamnet"], 48)
        self.classes = tf.Variable(np.random.default_rng(1).normal(0, 0.05, [1024, NUM_CLASSES]), dtype=tf.float32)
        if class_map:
            rows = [f"{index},/m/{index},name {index}\n" for index in range(NUM_CLASSES)]
            class_map.write_text("".join(["index,mid,display_name\n", *rows]))
            self.class_map = tf.saved_model.Asset(str(class_map))

    @tf.function(input_signature=[])
    def class_map_path(self) -> tf.Tensor:
        return self.class_map.asset_path

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)], autograph=False)
    def __call__(self, waveform: tf.Tensor) -> Any:
        length = tf.shape(waveform)[0]
        missing = -tf.maximum(0, length - PATCH_SAMPLES) % (HOP_SAMPLES // 2) + tf.maximum(0, PATCH_SAMPLES - length)
        log_mel = self.log_mel(tf.pad(waveform, [[0, missing]]))
        embeddings = self.embeddings(log_mel)
        return tf.sigmoid(tf.matmul(embeddings, self.classes)), embeddings, log_mel


class VGGish(Frames):
    """As on TF Hub: a waveform of any length -> an embedding of each whole patch, [n, 128]."""

    def __init__(self) -> None:
        super().__init__(SIZES["vggish"], 96)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)], autograph=False)
    def __call__(self, waveform: tf.Tensor) -> tf.Tensor:
        return self.embeddings(self.log_mel(waveform))


class Function(tf.Module):
    """Any function of a waveform, as a signature."""

    def __init__(self, function: Callable, *specs: tf.TensorSpec, uses: Optional[tf.Module] = None) -> None:
        super().__init__()
        self.uses = uses  # whose variables are saved with it
        self.serve = tf.function(function, input_signature=specs, autograph=False)


def save(folder: pathlib.Path, model: tf.Module, **signatures: Any) -> str:
    tf.saved_model.save(model, str(folder), signatures=signatures or None)
    return str(folder)


def save_function(
    folder: pathlib.Path, function: Callable, *shape: Optional[int], name: str = "waveform", uses: Any = None
) -> str:
    """A SavedModel with serving_default alone; its input is float32 of this shape."""
    model = Function(function, tf.TensorSpec(shape, tf.float32, name), uses=uses)
    return save(folder, model, serving_default=model.serve)


def convert(path: pathlib.Path, function: Callable, *shape: Optional[int], **options: Any) -> str:
    """A TFLite file of a function whose input is float32 of this shape; `options` are set on the converter."""
    model = Function(function, tf.TensorSpec(shape, tf.float32, "waveform"))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([model.serve.get_concrete_function()], model)
    for name, value in options.items():
        setattr(converter, name, value)
    path.write_bytes(converter.convert())
    return str(path)


def unit(vectors: Any) -> np.ndarray:
    vectors = np.asarray(vectors, np.float64)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def noise(num_samples: int, seed: int = 0, channels: Sequence[int] = ()) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, [num_samples, *channels]).astype(np.float32)


def inner_tensor(path: str, size: int) -> str:
    """The name of the last inner tensor of so many numbers."""
    interpreter = tf.lite.Interpreter(path)
    interpreter.allocate_tensors()
    outputs: Dict[str, Any] = {item["name"]: item for item in interpreter.get_output_details()}
    names = [item["name"] for item in interpreter.get_tensor_details() if list(item["shape"]) == [1, size]]
    return [name for name in names if name not in outputs][-1]
