"""Where events begin and end, at any threshold: the events of an archive counted, and those that windows are in.

An event at a threshold is a run of windows at or above it (`events.join`), and its peak is the highest of them. A
window is a peak at the thresholds up to its score and above its base: the lowest score on the best way to a higher
window. Score minus base is the prominence of topography (`scipy.signal.peak_prominences`). So every event, at any
threshold, is one window with base < threshold <= score.

Shapes: R windows, C classes, k thresholds.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage, signal

from audioset_triplet.store.heads import HeadInfo

TOLERANCE_SECONDS = 1e-3  # starts of windows are float32


class Joining(NamedTuple):
    """Which windows at or above a threshold are of one event."""

    window_seconds: float
    hop_seconds: float  # from the start of a window to that of the next
    max_gap_seconds: float  # from the end of a window to the start of the next of the same event

    @property
    def step_seconds(self) -> float:
        """From the start of a window to that of the next of the same event, at most."""
        return self.window_seconds + self.max_gap_seconds + TOLERANCE_SECONDS

    @property
    def steps(self) -> int:
        """The same in windows."""
        return max(1, int(self.step_seconds / self.hop_seconds))


def joining_of(info: HeadInfo) -> Joining:
    """That of a head."""
    return Joining(info.window_seconds, info.hop_seconds, info.max_gap_seconds)


def bases(clip_ids: np.ndarray, start_seconds: np.ndarray, scores: np.ndarray, joining: Joining) -> np.ndarray:
    """[R, C] float64: the base of each window; -inf where no way leads to a higher one; its score where it is no peak.

    Args:
        clip_ids: [R], the windows of a clip in a row.
        start_seconds: [R], ascending within a clip, a hop apart. Where windows are missing, `max_gap_seconds` may reach
            farther than it says.
        scores: [R, C].
        joining: which windows join.
    """
    values = np.empty(scores.shape)
    if len(scores):
        begins = _begins(start_seconds, joining)
        begins[1:] |= clip_ids[1:] != clip_ids[:-1]
        for column, of_class in enumerate(scores.T):
            values[:, column] = _bases(of_class.astype(np.float64), begins, joining.steps)
    return values


class Spans(NamedTuple):
    """The events that a window is in, one for each threshold."""

    firsts: np.ndarray  # [k] int64, the first window
    lasts: np.ndarray  # [k]
    scores: np.ndarray  # [k], the highest


def spans(
    start_seconds: np.ndarray, scores: np.ndarray, window: int, thresholds: np.ndarray, joining: Joining
) -> Spans:
    """The events that a window of a clip is in.

    Args:
        start_seconds: [R] of the clip, ascending, as for `bases`.
        scores: [R], for one class.
        window: its number.
        thresholds: [k], none above its score.
        joining: which windows join.
    """
    runs = np.cumsum(_begins(start_seconds, joining))
    first, end = np.searchsorted(runs, [runs[window], runs[window] + 1])
    of_run = scores[first:end]
    around = np.pad(of_run, joining.steps, constant_values=-1.0)  # no event joins what is beyond the ends
    joined = ndimage.grey_closing(around, joining.steps)[joining.steps : -joining.steps]
    sides = []
    for step, values in ((-1, slice(window - first, None, -1)), (1, slice(window - first, None))):
        lowest, highest = np.minimum.accumulate(joined[values]), np.maximum.accumulate(of_run[values])
        reach = np.searchsorted(-lowest, -thresholds, side="right") - 1
        sides.append((window + step * reach, highest[reach]))
    (firsts, left), (lasts, right) = sides
    return Spans(firsts, lasts, np.maximum(left, right))


def _begins(start_seconds: np.ndarray, joining: Joining) -> np.ndarray:
    """[R] bool: the first window, and those that are too far from the one before to join it at any threshold."""
    return np.append(True, np.diff(start_seconds.astype(np.float64)) > joining.step_seconds)


def _bases(scores: np.ndarray, begins: np.ndarray, steps: int) -> np.ndarray:
    """[R]: those of a class, whose events join windows that are so many steps apart at most.

    The line of scores has a valley and a wall, in which searches for a higher window end, between two runs. Ranks stand
    for scores: they are distinct. A closing fills the gaps that an event crosses.
    """
    count = len(scores)
    order = np.argsort(scores[::-1], kind="stable")  # of equal scores the first in time is the highest
    order = count - 1 - order
    ranks = np.empty(count)
    ranks[order] = np.arange(count)
    places = np.arange(count) + (2 * steps + 1) * np.cumsum(begins)
    line = np.full(places[-1] + steps + 2, -1.0)
    line[places[begins] - steps - 1] = line[-1] = count
    line[places] = ranks
    if steps > 1:
        line = ndimage.grey_closing(line, steps)
    rows = np.flatnonzero((line[places] > line[places - 1]) & (line[places] > line[places + 1]))
    peaks = places[rows]
    of_peaks = (line[peaks] - signal.peak_prominences(line, peaks)[0]).astype(np.int64)
    values = scores.copy()
    values[rows] = np.where(of_peaks < 0, -np.inf, scores[order[of_peaks]])
    return values
