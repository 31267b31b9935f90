"""Triplets as a user's first version makes them, which `benchmark_input` measures ours beside: librosa and NumPy."""

from typing import Tuple

import librosa
import numpy as np
import tensorflow as tf

from audioset_triplet.frontend import constants
from audioset_triplet.records import reading

_SPAN = constants.WINDOW_SAMPLES - constants.FRAME_SAMPLES + constants.FFT_SAMPLES  # librosa's frames are that long
_BANDS, _FRAMES = constants.NUM_BANDS, constants.WINDOW_FRAMES


def batches(data: str, batch_size: int) -> tf.data.Dataset:
    """Anchors and positives, float32 [B, 96, 64] each, without end: one clip at a time through tf.py_function.

    Args:
        data: globs of records of clips that are longer than a window.
        batch_size: B.
    """
    random = np.random.default_rng(0)
    held = [np.ones([_FRAMES, _BANDS], np.float32)]  # the anchor before, which is mixed in

    def triplet(pcm: tf.Tensor) -> Tuple[np.ndarray, np.ndarray]:
        samples = pcm.numpy()
        first, second = (samples[start : start + _SPAN] for start in random.integers(0, len(samples) - _SPAN, 2))
        anchor = energies(first)
        method = random.integers(4)
        if method == 0:
            positive = anchor * (1 + np.abs(random.normal(0, 0.5, anchor.shape)))
        elif method == 1:
            positive = np.roll(anchor, random.integers(_FRAMES), axis=0)
            bands = random.integers(-10, 11)
            positive = np.roll(positive, bands, axis=1)
            positive[:, slice(0, bands) if bands >= 0 else slice(_BANDS + bands, _BANDS)] = 0
        elif method == 2:
            positive = anchor + 0.25 * anchor.sum() / held[0].sum() * held[0]
        else:
            positive = energies(second)
        held[0] = anchor
        return log(anchor), log(positive)

    clips = reading.read_clips(reading.expand_globs(data), (), deterministic=False).repeat()
    made = clips.map(lambda clip: tf.py_function(triplet, [clip["pcm"]], [tf.float32, tf.float32]))
    return made.batch(batch_size).prefetch(2)


def energies(pcm: np.ndarray) -> np.ndarray:
    """Mel energies of a window, [96, 64]."""
    return librosa.feature.melspectrogram(
        y=pcm.astype(np.float32) / constants.PCM_SCALE,
        sr=constants.SAMPLE_RATE_HZ,
        n_fft=constants.FFT_SAMPLES,
        win_length=constants.FRAME_SAMPLES,
        hop_length=constants.FRAME_HOP_SAMPLES,
        center=False,
        power=1.0,
        n_mels=_BANDS,
        fmin=constants.LOWEST_HZ,
        fmax=constants.HIGHEST_HZ,
        htk=True,
        norm=None,
    ).T


def log(energies: np.ndarray) -> np.ndarray:
    return np.log(energies + constants.LOG_OFFSET).astype(np.float32)
