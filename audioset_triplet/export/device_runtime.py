"""What a program on a device does with exported TFLite files: NumPy and LiteRT alone, no TensorFlow.

    encoder, head = Encoder("model"), Head("model")
    embeddings = encoder.embed(waveform)                        # float32 [W, D], a window each
    for _ in range(100):
        loss = head.train(embeddings, targets, 1.0)             # targets: float32 [W, C], 0 or 1
    head.infer(embeddings)                                      # float32 [W, C], from 0 to 1

Shapes: L samples, A audio channels, W windows, N embeddings, D embedding size, C classes.
"""

import os
from typing import Any, Dict, Iterator

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.export import device_record, model_folder


class Encoder:
    """The model.tflite of a folder.

    Raises:
        UserError: there is none, or it is damaged or gives no embedding.
    """

    def __init__(self, folder: str, num_threads: int = 1) -> None:
        path = os.path.join(folder, model_folder.TFLITE)
        content = _read(path, "experiments.export_model --format=tflite")
        record = device_record.of_archive(path, content)
        if "embedding_size" not in record:
            raise UserError(f"{path} is a classifier without an embedding.")
        self.model_id, self.embedding_size = str(record["model_id"]), int(record["embedding_size"])
        self.sample_rate_hz, self.num_channels = int(record["sample_rate_hz"]), int(record["num_channels"])
        self.window_samples, self.hop_samples = int(record["window_samples"]), int(record["hop_samples"])
        self._content = content  # which the interpreter does not copy
        self._interpreter = _open(path, content, num_threads)
        self._run = self._interpreter.get_signature_runner("serving_default")

    def embed(self, waveform: np.ndarray) -> np.ndarray:
        """A waveform [L], of several channels [L, A], in [-1, 1] -> the embeddings of its whole windows [W, D].

        One shorter than a window is padded with silence.
        """
        return np.concatenate([self._run(waveform=window[np.newaxis])["embedding"] for window in self._cut(waveform)])

    def mean_squares(self, waveform: np.ndarray) -> np.ndarray:
        """The same waveform -> the mean square of each window [W], of full scale."""
        return np.array([np.square(window).mean() for window in self._cut(waveform)])

    def _cut(self, waveform: np.ndarray) -> Iterator[np.ndarray]:
        waveform = np.asarray(waveform, np.float32)
        missing = max(0, self.window_samples - len(waveform))
        waveform = np.pad(waveform, [(0, missing)] + [(0, 0)] * (waveform.ndim - 1))
        for start in range(0, len(waveform) - self.window_samples + 1, self.hop_samples):
            yield waveform[start : start + self.window_samples]


class Head:
    """The head.tflite of a folder, which learns: its four signatures (`trainable_head`).

    Raises:
        UserError: there is none, or it is damaged or another model.
    """

    def __init__(self, folder: str) -> None:
        path = os.path.join(folder, model_folder.HEAD)
        self._content = _read(path, "experiments.export_model --format=tflite --head_classes=N")
        self._interpreter = _open(path, self._content, 1)
        names = ("train", "infer", "get_weights", "set_weights")
        try:
            self._signatures = {name: self._interpreter.get_signature_runner(name) for name in names}
        except ValueError as error:
            raise UserError(f"{path} does not learn ({error}): export it again with --head_classes=N.") from error
        self.num_classes = int(self.get_weights()["bias"].shape[0])

    def train(self, embeddings: np.ndarray, targets: np.ndarray, learning_rate: float) -> float:
        """A step on embeddings [N, D] with targets [N, C] from 0 to 1; the mean loss before it."""
        inputs = {"embedding": embeddings, "target": targets, "learning_rate": np.float32(learning_rate)}
        return float(self._signatures["train"](**inputs)["loss"])

    def infer(self, embeddings: np.ndarray) -> np.ndarray:
        """Embeddings [N, D] -> scores [N, C]."""
        return np.asarray(self._signatures["infer"](embedding=embeddings)["scores"])

    def get_weights(self) -> Dict[str, np.ndarray]:
        """kernel [D, C] and bias [C]."""
        return {name: np.array(value) for name, value in self._signatures["get_weights"]().items()}

    def set_weights(self, kernel: np.ndarray, bias: np.ndarray) -> None:
        """Takes weights of an earlier run."""
        self._signatures["set_weights"](kernel=kernel, bias=bias)


def _read(path: str, made_by: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is none; {made_by} writes it.") from error


def _open(path: str, content: bytes, num_threads: int) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise UserError('LiteRT is not installed: pip install -e ".[litert]" gets it.') from error
    try:
        return Interpreter(model_content=content, num_threads=num_threads)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{path}: the file is damaged; get it again, or export it again ({error}).") from error
