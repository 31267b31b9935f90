"""Where a clip is active, and what its spectrum is like.

Levels are RMS values of blocks of 20 ms, in dB of full scale. A recording is padded with digital silence, and begins
and ends with noise of its own; what counts is what is heard.
"""

from typing import List, Sequence, Tuple

import numpy as np
from scipy import signal

Interval = Tuple[float, float]  # start and end in seconds

BLOCK_SECONDS = 0.02
QUIET_DB = 30.0  # below the loudest block: no longer the event
SILENCE_DBFS = -60.0  # as for windows: a clip that is nowhere louder is silent
MASKED_DB = 10.0  # below the background: not heard
SHORTEST_GAP_SECONDS = 0.25  # a shorter pause does not end an event
_NO_LEVEL_DBFS = -200.0  # of digital silence
_NUM_BANDS, _LOWEST_HZ, _HIGHEST_HZ = 16, 125.0, 8000.0
_FFT_SECONDS = 0.032


def block_samples(sample_rate_hz: int) -> int:
    return round(BLOCK_SECONDS * sample_rate_hz)


def levels(waveform: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """[L] -> level of each block in dB of full scale [blocks]; the last block may be shorter."""
    size = block_samples(sample_rate_hz)
    sizes = np.diff(np.append(np.arange(0, len(waveform), size), len(waveform)))
    power = np.add.reduceat(np.square(waveform, dtype=np.float64), np.arange(0, len(waveform), size)) / sizes
    return 10 * np.log10(np.maximum(power, 10 ** (_NO_LEVEL_DBFS / 10)))


def active(block_levels: np.ndarray) -> np.ndarray:
    """Which blocks of a clip are active: at most 30 dB below its loudest, and not silent. bool [blocks]."""
    return block_levels >= max(float(block_levels.max()) - QUIET_DB, SILENCE_DBFS)


def active_level(block_levels: np.ndarray) -> float:
    """Level of the blocks at most 30 dB below the loudest together, in dB of full scale."""
    loud = block_levels[block_levels >= block_levels.max() - QUIET_DB]
    return 10 * float(np.log10(np.mean(10 ** (loud / 10))))


def audible(block_levels: np.ndarray, background_dbfs: float) -> np.ndarray:
    """Which blocks of an event are heard: at most 30 dB below its loudest, and 10 dB below the background's level."""
    return block_levels >= max(float(block_levels.max()) - QUIET_DB, background_dbfs - MASKED_DB)


def intervals(
    is_active: np.ndarray, num_samples: int, sample_rate_hz: int, shortest_gap_seconds: float = 0.0
) -> List[Interval]:
    """The stretches of active blocks, ascending.

    Args:
        is_active: bool [blocks].
        num_samples: length of the clip, in which the last block ends.
        sample_rate_hz: its rate.
        shortest_gap_seconds: shorter pauses do not interrupt a stretch.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_active, [False]]).astype(int))).reshape(-1, 2)
    bounds = np.minimum(edges * block_samples(sample_rate_hz), num_samples) / sample_rate_hz
    merged: List[Interval] = []
    for start, end in bounds.tolist():
        if merged and start - merged[-1][1] < shortest_gap_seconds:
            merged[-1] = merged[-1][0], end
        else:
            merged.append((start, end))
    return merged


def profile(waveform: np.ndarray, stretches: Sequence[Interval], sample_rate_hz: int) -> List[float]:
    """The spectrum of the active part of a clip: of each of 16 bands, its mean level over time and the deviation.

    Both are in dB; levels are relative to the mean over bands, so that loudness does not count. Bands are equal on a
    logarithmic axis from 125 Hz to 8 kHz, or to half of the sample rate.
    """
    parts = [waveform[round(start * sample_rate_hz) : round(end * sample_rate_hz)] for start, end in stretches]
    heard = np.concatenate(parts)
    size = round(_FFT_SECONDS * sample_rate_hz)
    heard = np.pad(heard, (0, max(0, size - len(heard))))
    frequencies_hz, _, power = signal.spectrogram(heard, sample_rate_hz, nperseg=size, noverlap=size // 2)
    edges_hz = np.geomspace(_LOWEST_HZ, min(_HIGHEST_HZ, sample_rate_hz / 2), _NUM_BANDS + 1)
    bins = np.searchsorted(frequencies_hz, edges_hz)
    bands = np.array([power[first : max(last, first + 1)].mean(axis=0) for first, last in zip(bins, bins[1:])])
    decibels = 10 * np.log10(bands + 1e-9 * bands.max() + 1e-30)
    mean = decibels.mean(axis=1)
    return [round(float(value), 2) for value in np.concatenate([mean - mean.mean(), decibels.std(axis=1)])]
