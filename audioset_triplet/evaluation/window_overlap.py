"""Where an interval of a clip lies among the windows of the clip, and which score it gets.

Shapes: r intervals, W windows.
"""

import numpy as np

_DECIMALS = 4  # of seconds: starts of windows are float32
_TOLERANCE_SECONDS = 1e-3  # ids and times of AudioSet's segments are in milliseconds


def overlaps(
    start_seconds: np.ndarray, end_seconds: np.ndarray, window_starts: np.ndarray, window_seconds: float
) -> np.ndarray:
    """Seconds that intervals [r] share with windows [W]: [r, W], 0 where they do not meet, NaN for a whole clip."""
    starts = window_starts.astype(np.float64)
    ends = np.minimum(end_seconds[:, None], starts + window_seconds)
    return np.maximum(0.0, np.round(ends - np.maximum(start_seconds[:, None], starts), _DECIMALS))


def window_weights(
    start_seconds: np.ndarray,
    end_seconds: np.ndarray,
    window_starts: np.ndarray,
    window_seconds: float,
    weights: np.ndarray,
) -> np.ndarray:
    """The weights [r, W] of the windows in the scores of intervals, which sum to 1; all 0 for one outside the windows.

    An interval no longer than a window has the score of the window that overlaps it most, the earlier of two: on a grid
    of windows it is that very window. A longer one has the weighted mean of the windows that lie in it at least by
    half, as a clip has that of all windows. Where there is none, it too has the window that overlaps it most. An
    interval is outside if more than half of it is before the first or behind the last window.

    Args:
        start_seconds, end_seconds: [r]; both NaN: the whole clip.
        window_starts: [W], seconds, ascending.
        window_seconds: length of a window.
        weights: [W], of the windows in their clip, positive.
    """
    whole = np.isnan(start_seconds)
    shared = overlaps(start_seconds, end_seconds, window_starts, window_seconds)
    most = np.zeros(shared.shape)
    most[np.arange(len(shared)), shared.argmax(axis=1)] = 1.0
    lengths = end_seconds - start_seconds
    within = np.where(whole[:, None] | (shared >= window_seconds / 2 - _TOLERANCE_SECONDS), weights, 0.0)
    is_long = whole | (lengths > window_seconds + _TOLERANCE_SECONDS)
    chosen = np.where((is_long & within.any(axis=1))[:, None], within, most)
    first = window_starts[:1]
    inside = overlaps(start_seconds, end_seconds, first, window_starts[-1] - first[0] + window_seconds)[:, 0]
    chosen[(inside < lengths / 2 - _TOLERANCE_SECONDS) | (inside == 0)] = 0.0  # false for a whole clip
    return chosen / np.maximum(chosen.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)


def contain_event(
    start_seconds: np.ndarray, end_seconds: np.ndarray, window_starts: np.ndarray, window_seconds: float
) -> np.ndarray:
    """[r, W] bool: which windows [W] contain which events [r].

    A window contains an event that lasts at least half of it, or that lies in it at least by half. So a long event is
    in the windows that it dominates, and an event shorter than a window, which can dominate none, is in one or two. An
    overlap of a few milliseconds, less than the precision of annotated onsets (0.1 s in AudioSet, Hershey et al. 2021),
    does not count.
    """
    shared = overlaps(start_seconds, end_seconds, window_starts, window_seconds)
    needed = np.minimum(window_seconds, end_seconds - start_seconds) / 2 - _TOLERANCE_SECONDS
    return (shared > 0) & (shared >= needed[:, None])
