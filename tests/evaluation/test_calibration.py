"""Reliability diagrams and their errors, worked by hand."""

import numpy as np
import pytest

from audioset_triplet.evaluation import calibration
from audioset_triplet.evaluation.calibration import Bin


def test_bins_and_error_by_hand():
    # Two in the first bin, one of them true; three in the last, all true; 1.0 belongs to the last.
    bins = calibration.reliability(np.array([0.0, 0.09, 1.0, 0.92, 0.96]), np.array([True, False, True, True, True]))
    first, last = bins
    assert first == Bin(pytest.approx(0.045), 0.5, pytest.approx(0.4))
    assert last == Bin(pytest.approx(0.96), 1.0, pytest.approx(0.6))
    assert calibration.error(bins) == pytest.approx(0.4 * (0.5 - 0.045) + 0.6 * 0.04)
    weighted = calibration.reliability(np.array([0.2, 0.22]), np.array([True, False]), np.array([3.0, 1.0]))
    assert weighted == [Bin(pytest.approx(0.205), pytest.approx(0.75), 1.0)]


def test_probabilities_that_are_true_have_next_to_no_error():
    random = np.random.default_rng(0)
    predicted = random.random(100_000).astype(np.float32)
    bins = calibration.reliability(predicted, random.random(100_000) < predicted)
    assert len(bins) == calibration.NUM_BINS and calibration.error(bins) < 0.01
    assert calibration.error(calibration.reliability(predicted, random.random(100_000) < predicted**2)) > 0.1
