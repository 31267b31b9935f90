"""int16 samples, as records hold them, and waveforms in [-1, 1]."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

# int16 full scale; exact in float32.
PCM_SCALE = 32768.0


def to_pcm(waveform: np.ndarray) -> np.ndarray:
    """Floating samples in [-1, 1) -> int16, rounded to the nearest step of 1/32768 and clipped; any shape."""
    return np.clip(np.rint(np.asarray(waveform, np.float64) * PCM_SCALE), -PCM_SCALE, PCM_SCALE - 1).astype(np.int16)


def to_waveform(pcm: np.ndarray) -> np.ndarray:
    """int16 samples -> float32 in [-1, 1), exactly; any shape."""
    return pcm.astype(np.float32) / np.float32(PCM_SCALE)


def tensor_to_waveform(pcm: "tf.Tensor") -> "tf.Tensor":
    """`to_waveform` of a tensor."""
    import tensorflow as tf  # here: data preparation needs no TensorFlow

    return tf.cast(pcm, tf.float32) / PCM_SCALE
