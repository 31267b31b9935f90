"""Which windows an interval has, worked by hand."""

import numpy as np
import pytest

from audioset_triplet.evaluation import window_overlap

STARTS = (0.96 * np.arange(4)).astype(np.float32)  # to 3.84 s
WEIGHTS = np.array([1.0, 2.0, 1.0, 4.0])
WHOLE = (np.nan, np.nan)


@pytest.mark.parametrize(
    "interval, expected",
    [
        ((0.96, 1.92), [0, 1, 0, 0]),  # on the grid
        ((0.95, 1.91), [0, 1, 0, 0]),
        ((1.40, 2.36), [0, 1, 0, 0]),  # 0.52 s and 0.44 s
        ((1.44, 2.40), [0, 1, 0, 0]),  # half and half: the earlier
        ((1.50, 2.46), [0, 0, 1, 0]),
        ((1.0, 1.1), [0, 1, 0, 0]),
        (WHOLE, [1 / 8, 2 / 8, 1 / 8, 4 / 8]),  # the weighted mean of the clip
        ((0.0, 3.84), [1 / 8, 2 / 8, 1 / 8, 4 / 8]),
        ((0.0, 10.0), [0, 0, 0, 0]),  # more than half of it is behind the last window
        ((0.0, 4.0), [1 / 8, 2 / 8, 1 / 8, 4 / 8]),
        ((0.4, 2.4), [1 / 4, 2 / 4, 1 / 4, 0]),  # 0.56, all, and 0.48 s: half of it
        ((0.5, 2.3), [0, 1, 0, 0]),  # 0.46, all, 0.38 s
        ((3.5, 4.4), [0, 0, 0, 0]),
        ((3.3, 4.26), [0, 0, 0, 1]),
        ((3.84, 4.8), [0, 0, 0, 0]),
        ((9.0, 9.96), [0, 0, 0, 0]),
        ((1.5, 1.5), [0, 0, 0, 0]),
    ],
)
def test_the_weights_of_windows(interval, expected):
    start, end = (np.array([one]) for one in interval)
    (weights,) = window_overlap.window_weights(start, end, STARTS, 0.96, WEIGHTS)
    np.testing.assert_allclose(weights, expected, atol=1e-12)


def test_windows_that_overlap():
    starts = 0.48 * np.arange(5)
    intervals = np.array([[0.96, 1.92], [0.96, 1.93], [0.0, 2.88]])
    weights = window_overlap.window_weights(*intervals.T, starts, 0.96, np.ones(5))
    # The second is longer than a window: half or more of the windows at 0.48, 0.96 and 1.44 s lies in it.
    expected = [[0, 0, 1, 0, 0], [0, 1 / 3, 1 / 3, 1 / 3, 0], [1 / 5] * 5]
    np.testing.assert_allclose(weights, expected, atol=1e-12)


@pytest.mark.parametrize(
    "event, expected",
    [
        ((0.0, 3.84), [1, 1, 1, 1]),
        ((0.96, 1.92), [0, 1, 0, 0]),
        ((0.5, 2.3), [0, 1, 0, 0]),  # 0.46 and 0.38 s are less than half a window
        ((0.4, 2.5), [1, 1, 1, 0]),
        ((1.3, 1.4), [0, 1, 0, 0]),  # short, and within
        ((1.9, 2.0), [0, 0, 1, 0]),  # short: 0.02 and 0.08 s
        ((1.87, 1.97), [0, 1, 1, 0]),  # half and half
        ((1.6, 2.2), [0, 1, 0, 0]),  # 0.32 of 0.6 s
        ((3.8, 3.9), [0, 0, 0, 0]),  # 0.04 s before the end of the last window, 0.06 s behind it
        ((5.0, 6.0), [0, 0, 0, 0]),
        ((1.0, 1.0), [0, 0, 0, 0]),
    ],
)
def test_the_windows_that_contain_an_event(event, expected):
    start, end = (np.array([one]) for one in event)
    (contained,) = window_overlap.contain_event(start, end, STARTS, 0.96)
    assert contained.tolist() == list(map(bool, expected))
