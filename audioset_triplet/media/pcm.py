"""16-bit samples, and what they are of full scale. Needs no TensorFlow."""

import numpy as np

# int16 full scale; exact in float32.
PCM_SCALE = 32768.0


def to_pcm(waveform: np.ndarray) -> np.ndarray:
    """Floating samples in [-1, 1) -> int16, rounded to the nearest step of 1/32768 and clipped; any shape."""
    return np.clip(np.rint(np.asarray(waveform, np.float64) * PCM_SCALE), -PCM_SCALE, PCM_SCALE - 1).astype(np.int16)
