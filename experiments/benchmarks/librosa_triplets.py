"""Triplets of a simple implementation in librosa and NumPy, to which `benchmarks.input` compares the pipeline."""

from typing import Tuple

import librosa
import numpy as np
import tensorflow as tf

from audioset_triplet.media import pcm as samples
from audioset_triplet.records import globs, reading

# The front end of VGGish, written once more.
RATE_HZ, FRAME_SAMPLES, HOP_SAMPLES, FFT_SAMPLES = 16000, 400, 160, 512
NUM_BANDS, LOWEST_HZ, HIGHEST_HZ = 64, 125.0, 7500.0
_LOG_OFFSET, _FRAMES = 0.01, 96
_SPAN = (_FRAMES - 1) * HOP_SAMPLES + FFT_SAMPLES  # librosa's frames are as long as the FFT


def batches(data: str, batch_size: int) -> tf.data.Dataset:
    """Anchors and positives, float32 [B, 96, 64] each, without end: one clip at a time through tf.py_function.

    Args:
        data: globs of records of clips that are longer than a window.
        batch_size: B.
    """
    random = np.random.default_rng(0)
    previous = [np.ones([_FRAMES, NUM_BANDS], np.float32)]  # the last anchor, which is mixed in

    def triplet(pcm: tf.Tensor) -> Tuple[np.ndarray, np.ndarray]:
        clip = pcm.numpy()
        first, second = (clip[start : start + _SPAN] for start in random.integers(0, len(clip) - _SPAN, 2))
        anchor = energies(first)
        method = random.integers(4)
        if method == 0:
            positive = anchor * (1 + np.abs(random.normal(0, 0.5, anchor.shape)))
        elif method == 1:
            positive = np.roll(anchor, random.integers(_FRAMES), axis=0)
            bands = random.integers(-10, 11)
            positive = np.roll(positive, bands, axis=1)
            positive[:, slice(0, bands) if bands >= 0 else slice(NUM_BANDS + bands, NUM_BANDS)] = 0
        elif method == 2:
            positive = anchor + 0.25 * anchor.sum() / previous[0].sum() * previous[0]
        else:
            positive = energies(second)
        previous[0] = anchor
        return log(anchor), log(positive)

    clips = reading.read_clips(globs.expand(data), (), deterministic=False).repeat()
    made = clips.map(lambda clip: tf.py_function(triplet, [clip["pcm"]], [tf.float32, tf.float32]))
    return made.batch(batch_size).prefetch(2)


def energies(pcm: np.ndarray) -> np.ndarray:
    """Mel energies of a window, [96, 64]."""
    return librosa.feature.melspectrogram(
        y=samples.to_waveform(pcm),
        sr=RATE_HZ,
        n_fft=FFT_SAMPLES,
        win_length=FRAME_SAMPLES,
        hop_length=HOP_SAMPLES,
        center=False,
        power=1.0,
        n_mels=NUM_BANDS,
        fmin=LOWEST_HZ,
        fmax=HIGHEST_HZ,
        htk=True,
        norm=None,
    ).T


def log(energies: np.ndarray) -> np.ndarray:
    return np.log(energies + _LOG_OFFSET).astype(np.float32)
