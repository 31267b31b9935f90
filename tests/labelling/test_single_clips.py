"""Strategies of single clips: which clips they ask about, each once, and as many as the budget allows."""

import numpy as np
import pytest
from scipy import stats

from audioset_triplet.labelling import single_clips
from audioset_triplet.labelling.annotator import Annotator

LABELS = [(row % 3,) for row in range(12)]


def test_an_annotator_answers_once_about_a_clip_and_no_more_than_its_budget():
    annotator = Annotator(LABELS, 2)
    assert annotator.ask(4) == (1,) and annotator.questions_left == 1
    with pytest.raises(ValueError, match="clip 4 is asked about twice"):
        annotator.ask(4)
    annotator.ask_in_order([4, 5, 6], 5)
    assert annotator.answers == {4: (1,), 5: (2,)} and not annotator.questions_left
    with pytest.raises(ValueError, match="more than 2 questions"):
        annotator.ask(6)
    with pytest.raises(ValueError, match="13 questions about 12 clips"):
        Annotator(LABELS, 13)


def test_uncertainty_by_margin_and_by_entropy():
    probabilities = np.array([[0.5, 0.4, 0.1], [0.45, 0.45, 0.1], [1.0, 0.0, 0.0], [0.4, 0.3, 0.3]])
    np.testing.assert_allclose(single_clips.uncertainty(probabilities, "margin"), [-0.1, 0, -1, -0.1], atol=1e-12)
    expected = [stats.entropy(row) for row in probabilities]
    np.testing.assert_allclose(single_clips.uncertainty(probabilities, "uncertain"), expected, atol=1e-12)


def test_rounds_ask_about_the_most_uncertain_and_learn_from_all_answers():
    order = [7, 3, 0, 1, 2, 4, 5, 6, 8, 9, 10, 11]
    learned_from = []

    def learn(answers):
        assert all(LABELS[row] == labels for row, labels in answers.items())
        learned_from.append(list(answers))
        sure = np.where(np.isin(np.arange(12), [9, 10, 11]), 0.5, 0.9)  # 9, 10 and 11 are equally unsure
        return np.stack([sure, 1 - sure], axis=1)

    annotator = Annotator(LABELS, 7)
    single_clips.ask_in_rounds(annotator, order, learn, "margin", of_a_round=2)
    # Two at random; then 9, 10, 11 in the random order, and the rest in that order too.
    assert list(annotator.answers) == [7, 3, 9, 10, 11, 0, 1]
    assert learned_from == [[7, 3], [7, 3, 9, 10], [7, 3, 9, 10, 11, 0]]


def test_mining_asks_about_exemplars_then_the_classes_in_turn_then_at_random():
    annotator = Annotator(LABELS, 9)
    single_clips.ask_mined(annotator, [0, 1], [[2, 3, 4], [3, 1, 5]], order=[11, 0, 10, 9, 8])
    assert list(annotator.answers) == [0, 1, 2, 3, 4, 5, 11, 10, 9]


@pytest.mark.parametrize("budget", [1, 5, 12])
def test_the_budget_is_spent(budget):
    flat = np.full((12, 3), 1 / 3)
    for ask in (
        lambda one: single_clips.ask_in_rounds(one, range(12), lambda _: flat, "uncertain", 5),
        lambda one: single_clips.ask_mined(one, [3], [[4, 3]], range(12)),
    ):
        annotator = Annotator(LABELS, budget)
        ask(annotator)
        assert len(annotator.answers) == budget
