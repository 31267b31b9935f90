"""Metrics of rankings against scikit-learn, by counting and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from audioset_triplet.evaluation import ranking
from tests.reference import metrics as reference


def test_hand_worked_example():
    # Ranked: relevant, other, relevant, other -> precision 1/1 and 2/3 at the relevant ones.
    assert ranking.average_precision([0.9, 0.1, 0.8, 0.4], [True, False, False, True]) == pytest.approx((1 + 2 / 3) / 2)


def test_ties_are_one_step_whatever_their_order():
    # Three items tie behind a relevant one: both relevant ones among them see 3 hits in 4.
    for relevant in ([True, True, True, False], [True, False, True, True]):
        assert ranking.average_precision([2.0, 1.0, 1.0, 1.0], relevant) == pytest.approx((1 + 3 / 4 + 3 / 4) / 3)


def test_all_equal_scores_give_the_share_of_relevant_items():
    assert ranking.average_precision(np.zeros(10), np.arange(10) < 3) == pytest.approx(0.3)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=1, max_size=60))
def test_agrees_with_scikit_learn_with_many_ties(items):
    scores, relevant = np.array([score / 3 for score, _ in items]), np.array([flag for _, flag in items])
    if not relevant.any():
        relevant[0] = True
    expected = average_precision_score(relevant, scores)
    assert ranking.average_precision(scores, relevant) == pytest.approx(expected, abs=1e-12)


def test_agrees_with_scikit_learn_on_as_many_pairs_as_a_class_has():
    random = np.random.default_rng(0)
    scores, relevant = random.normal(size=14950), np.arange(14950) < 4950
    expected = average_precision_score(relevant, scores)
    assert ranking.average_precision(scores, relevant) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    "scores, relevant",
    [([0.1, np.nan], [True, False]), ([0.1, 0.2], [False, False]), ([0.1], [True, False]), ([], [])],
)
def test_what_has_no_average_precision_is_refused(scores, relevant):
    with pytest.raises(ValueError):
        ranking.average_precision(scores, relevant)


def test_hand_worked_roc():
    # Ranked: relevant, other, relevant, other: 3 of 4 pairs are in order. Points of (false accepts, false rejects):
    # (0, 1), (0, 1/2), (1/2, 1/2): there they are equal.
    scores, relevant = [0.9, 0.1, 0.8, 0.4], [True, False, False, True]
    assert ranking.roc_auc(scores, relevant) == 0.75
    assert ranking.equal_error_rate(scores, relevant) == 0.5


def test_the_equal_error_rate_lies_between_two_thresholds():
    # One tie of all four, from (0, 1) to (1, 0): half way. Three others and one relevant: accepting the best (an other)
    # gives (1/3, 1), the next (relevant) (1/3, 0): equal at a third.
    assert ranking.equal_error_rate([1.0, 1.0, 1.0, 1.0], [True, False, True, False]) == 0.5
    assert ranking.equal_error_rate([4.0, 3.0, 2.0, 1.0], [False, True, False, False]) == pytest.approx(1 / 3)


def test_perfect_and_inverted_rankings():
    relevant = np.arange(10) < 4
    assert ranking.roc_auc(-np.arange(10), relevant) == 1 and ranking.roc_auc(np.arange(10), relevant) == 0
    assert ranking.equal_error_rate(-np.arange(10), relevant) == 0
    assert ranking.equal_error_rate(np.arange(10), relevant) == 1


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=2, max_size=40))
def test_roc_metrics_agree_with_scikit_learn_and_with_counting(items):
    scores, relevant = np.array([score / 3 for score, _ in items]), np.array([flag for _, flag in items])
    relevant[:2] = True, False
    auc, rate = ranking.roc_auc(scores, relevant), ranking.equal_error_rate(scores, relevant)
    assert auc == pytest.approx(roc_auc_score(relevant, scores), abs=1e-12)
    assert auc == pytest.approx(reference.roc_auc(scores, relevant), abs=1e-12)
    assert rate == pytest.approx(reference.equal_error_rate(scores, relevant), abs=1e-12)
    false_accepts, hits, _ = roc_curve(relevant, scores, drop_intermediate=False)
    # scikit-learn's curve holds the rate: above the line of equal errors before it, below it after.
    assert np.interp(rate, false_accepts, hits) >= 1 - rate - 1e-12
    assert ((false_accepts >= rate - 1e-12) | (1 - hits >= rate - 1e-12)).all()


def test_d_prime_by_the_published_pairs():
    # Hershey et al. 2017, tables 2 and 4, and the AudioSet models: AUC and d-prime.
    for auc, d_prime in ((0.926, 2.041), (0.851, 1.471), (0.95, 2.326), (0.973, 2.725)):
        assert ranking.d_prime(auc) == pytest.approx(d_prime, abs=0.006)
    assert ranking.d_prime(0.5) == 0 and ranking.d_prime(0.2) == pytest.approx(-ranking.d_prime(0.8))
    assert ranking.d_prime(1.0) == np.inf and ranking.d_prime(0.0) == -np.inf


def test_d_prime_is_the_distance_of_two_normal_distributions():
    random = np.random.default_rng(0)
    scores = np.concatenate([random.normal(1.5, 1, 20000), random.normal(0, 1, 20000)])
    assert ranking.d_prime(ranking.roc_auc(scores, np.arange(40000) < 20000)) == pytest.approx(1.5, abs=0.03)


@pytest.mark.parametrize("metric", [ranking.roc_auc, ranking.equal_error_rate])
@pytest.mark.parametrize(
    "scores, relevant",
    [([0.1, np.nan], [True, False]), ([0.1, 0.2], [False, False]), ([0.1, 0.2], [True, True]), ([0.1], [True, False])],
)
def test_what_has_no_roc_curve_is_refused(metric, scores, relevant):
    with pytest.raises(ValueError):
        metric(scores, relevant)
