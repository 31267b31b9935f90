"""Average precision against scikit-learn and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from audioset_triplet.evaluation import ranking


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
