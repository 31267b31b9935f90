"""What `librosa.load` gives: a whole file, decoded by libsndfile, averaged over its channels, resampled by soxr.

Without librosa, for whose modules Numba compiles many seconds on a new machine.
"""

import math

import numpy as np
import soundfile
import soxr


def load(path, sample_rate_hz, mono=True):
    """float32 [L], or [L, channels] where not mono; L = ceil(samples * sample_rate_hz / rate of the file)."""
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    if mono:
        samples = samples.mean(axis=1)
    if rate_hz == sample_rate_hz:
        return samples
    resampled = soxr.resample(samples, rate_hz, sample_rate_hz, quality="soxr_hq")
    length = math.ceil(len(samples) * sample_rate_hz / rate_hz)
    missing = max(0, length - len(resampled))
    return np.pad(resampled, [(0, missing)] + [(0, 0)] * (resampled.ndim - 1))[:length]
