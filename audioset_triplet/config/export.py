"""How a trained network is exported."""

import dataclasses
from typing import Tuple

from audioset_triplet.config.options import Config, option, require

QUANTIZATIONS = ("none", "float16", "dynamic", "int8")


@dataclasses.dataclass(frozen=True)
class ExportConfig(Config):
    """The format of an exported model, and how many bits its weights have."""

    format: str = option(
        "saved_model",
        "saved_model: for TensorFlow, clips of any length. tflite, onnx: for devices, one window of audio per call.",
        ("saved_model", "tflite", "onnx"),
    )
    hop_seconds: float = option(
        0.0,
        "Seconds from the start of a window to that of the next, in clips that the model embeds or scores. 0: those of "
        "the front end, with which windows of log_mel do not overlap (0.96). A quarter of that costs four times as "
        "much, and places events more finely.",
        at_least=0,
    )
    quantization: str = option(
        "none",
        "Of tflite. float16: weights of 16 bits. dynamic: weights of 8 bits. int8: activations of 8 bits too, whose "
        "ranges come from --calibration. The front end, unit length and probabilities stay float32.",
        QUANTIZATIONS,
    )
    calibration: str = option(
        "",
        "Of tflite and onnx: audio that is like that of the device: a file, a folder, a glob or TFRecords. The written "
        "model is compared with the network on its windows, and int8 learns from them. Empty: noise, not for int8.",
    )
    folds: Tuple[int, ...] = option((), "Of --calibration, only clips of these folds (of TFRecords). Empty: all.")
    calibration_windows: int = option(256, "Windows that are taken from --calibration.", at_least=8)
    head_classes: int = option(
        0,
        "Of tflite: also write head.tflite, so many classes on the embedding that learn on the device. 0: none.",
        at_least=0,
        at_most=10000,
    )

    @property
    def is_for_devices(self) -> bool:
        return self.format != "saved_model"

    def check_rules(self) -> None:
        is_tflite = self.format == "tflite"
        require(self.quantization == "none" or is_tflite, f"--quantization={self.quantization} needs --format=tflite.")
        require(not self.head_classes or is_tflite, "--head_classes needs --format=tflite.")
        require(not self.calibration or self.is_for_devices, "--calibration needs --format=tflite or onnx.")
        require(not self.folds or bool(self.calibration), "--folds are those of --calibration.")
        is_calibrated = self.quantization != "int8" or bool(self.calibration)
        require(is_calibrated, "--quantization=int8 needs --calibration: audio from which it learns ranges.")


@dataclasses.dataclass(frozen=True)
class HeadLearningConfig(Config):
    """How an exported head learns on the device."""

    steps: int = option(300, "Steps, each on the windows of all examples.", at_least=1)
    learning_rate: float = option(1.0, "Learning rate of the steps; with 8 and more they may diverge.", above=0)
