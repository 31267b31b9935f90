"""The precision at thresholds: weighted shares as scikit-learn has them, Wilson by hand, strata of the archive."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import precision_recall_curve

from audioset_triplet.evaluation import rated_precision
from audioset_triplet.store.heads import RatedEvents

_items = st.lists(st.tuples(st.integers(0, 8), st.booleans(), st.integers(1, 5)), min_size=1, max_size=30)


@given(_items)
def test_precisions_are_those_of_scikit_learn(items):
    scores, is_present, weights = map(np.array, zip(*items))
    if not is_present.any():
        return  # scikit-learn has no curve then
    curve = rated_precision.precision_curve(scores / 8, is_present, 0.5, weights.astype(float))
    precision, _, thresholds = precision_recall_curve(is_present, scores / 8, sample_weight=weights)
    np.testing.assert_array_equal(curve.thresholds, thresholds[::-1])
    np.testing.assert_allclose(curve.precisions, precision[:-1][::-1])
    np.testing.assert_allclose(curve.lows, curve.precisions)  # at a confidence of a half
    assert curve.num_ratings.tolist() == [(scores / 8 >= one).sum() for one in curve.thresholds]


@pytest.mark.parametrize("hits, count", [(0, 3), (3, 3), (7, 10), (95, 100)])
def test_bounds_are_those_of_wilson(hits, count):
    low, high = rated_precision.wilson(np.array([hits / count]), np.array([float(count)]), 0.9)
    of_scipy = stats.binomtest(hits, count).proportion_ci(0.8, "wilson")  # two-sided: a tenth on each side
    assert low[0] == pytest.approx(of_scipy.low) and high[0] == pytest.approx(of_scipy.high)


def test_the_lowest_threshold_by_hand():
    # Present, present, not, present: shares 1, 1, 2/3, 3/4. All ratings of one score are at the threshold together.
    scores, is_present = np.array([0.9, 0.8, 0.5, 0.5, 0.1]), np.array([True, True, False, True, False])
    curve = rated_precision.precision_curve(scores, is_present, 0.5)
    assert curve.thresholds.tolist() == [0.9, 0.8, 0.5, 0.1]
    np.testing.assert_allclose(curve.precisions, [1, 1, 3 / 4, 3 / 5])
    lowest = [curve.lowest(precision) for precision in (0.6, 0.75, 0.76, 1.0)]
    assert lowest == [3, 2, 1, 1]
    sure = rated_precision.precision_curve(scores, is_present, 0.9)
    assert sure.lowest(0.75) is None and sure.lows[1] == pytest.approx(2 / (2 + stats.norm.ppf(0.9) ** 2))


def test_windows_tell_where_a_whole_clip_is_one_event():
    events = RatedEvents(*map(np.array, ([0, 0, 0], [0.2, 0.9, 0.9], [0.9, 0.9, 0.95], [True] * 3, [1.0] * 3)))
    windows = rated_precision.precision_curve(np.array([0.9, 0.5, 0.2]), np.array([True, False, False]), 0.5)
    curve = rated_precision.event_curve(events, 0.5)
    assert curve.thresholds.tolist() == [0.9, 0.2] and curve.precisions.tolist() == [1, 1]
    assert curve.num_ratings.tolist() == [2, 1]
    lower = rated_precision.lower_of(curve, windows)
    np.testing.assert_allclose(lower.precisions, [1, 1 / 3])
    assert lower.lowest(0.9) == 0


def test_ratings_stand_for_the_windows_of_their_scores():
    # Five ratings from 0.9 on stand for 10 windows, five from 0.5 on for 1000; below the lowest nothing counts.
    scores = np.array([0.99, 0.98, 0.97, 0.95, 0.9, 0.8, 0.7, 0.6, 0.55, 0.5])
    archive = np.concatenate([np.full(10, 0.96), np.full(1000, 0.65), np.full(5000, 0.2)])
    counts = rated_precision.count_windows(np.unique(scores), archive)
    assert counts.tolist() == [0, 0, 1000, 0, 0, 0, 10, 0, 0, 0]
    weights = rated_precision.archive_weights(scores, counts)
    assert weights.tolist() == [2.0] * 5 + [200.0] * 5
    is_present = np.array([True] * 5 + [True, False, False, False, False])
    plain, weighted = (rated_precision.precision_curve(scores, is_present, 0.8, one) for one in (None, weights))
    assert plain.precisions[-1] == 0.6 and weighted.precisions[-1] == pytest.approx((10 + 200) / 1010)
    assert weighted.lows[-1] < weighted.precisions[-1] < weighted.highs[-1]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.integers(0, 3))
def test_strata_are_whole(numbers, seed):
    scores = np.array(numbers) / 6
    edges = np.unique(scores)
    counts = np.random.default_rng(seed).integers(0, 100, len(edges))
    weights = rated_precision.archive_weights(scores, counts)
    assert (weights >= 1).all() and weights.sum() >= counts.sum() - 1e-6
    for one in edges:
        assert len(set(weights[scores == one])) == 1  # equal scores, equal weights


def test_a_biased_choice_of_ratings_gives_the_precision_of_the_archive():
    """Of an archive whose windows are present with the probability of their score, mostly high scores are rated."""
    random = np.random.default_rng(0)
    archive = random.random(200_000)
    is_present = random.random(len(archive)) < archive
    rated = random.choice(len(archive), 3000, replace=False, p=archive**6 / (archive**6).sum())
    counts = rated_precision.count_windows(np.unique(archive[rated]), archive)
    weights = rated_precision.archive_weights(archive[rated], counts)
    plain, weighted = (
        rated_precision.precision_curve(archive[rated], is_present[rated], 0.8, one) for one in (None, weights)
    )
    place = int(np.argmin(np.abs(plain.thresholds - 0.6)))
    true = is_present[archive >= plain.thresholds[place]].mean()
    assert abs(weighted.precisions[place] - true) < 0.03 < 0.05 < plain.precisions[place] - true
