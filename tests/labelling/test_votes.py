"""What votes decide, how far raters agree, and gold questions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_triplet.config.voting import VotingConfig
from audioset_triplet.labelling import log_folder, votes
from audioset_triplet.labelling.events import Answer, Candidate, Question
from audioset_triplet.labelling.votes import Agreement, GoldScore
from audioset_triplet.store.ratings import ANSWERS, NOT_ACOUSTIC, NOT_PRESENT, PRESENT, UNSURE
from tests.reference import agreement as reference

# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", B: binary data, two observers, alpha = 0.095.
OBSERVERS = ("0100000010", "1110010000")


@pytest.mark.parametrize(
    "given_votes, num_votes, experts, decision",
    [
        ({"a": PRESENT}, 1, (), PRESENT),
        ({"a": PRESENT}, 2, (), None),
        ({"a": PRESENT, "b": NOT_PRESENT}, 2, (), None),
        ({"a": PRESENT, "b": NOT_PRESENT, "c": NOT_PRESENT}, 2, (), NOT_PRESENT),
        ({"a": NOT_PRESENT, "b": NOT_PRESENT, "c": PRESENT, "d": PRESENT}, 2, (), PRESENT),  # PRESENT is tested first
        ({"a": NOT_PRESENT, "b": NOT_PRESENT, "c": UNSURE, "d": UNSURE}, 2, (), UNSURE),
        ({"a": NOT_ACOUSTIC, "b": NOT_ACOUSTIC}, 2, (), NOT_ACOUSTIC),
        ({"a": PRESENT, "b": PRESENT, "x": NOT_PRESENT}, 2, ("x",), NOT_PRESENT),
        ({"x": NOT_PRESENT, "y": UNSURE, "a": PRESENT, "b": PRESENT}, 2, ("x", "y"), UNSURE),  # the latest expert
    ],
)
def test_what_votes_decide(given_votes, num_votes, experts, decision):
    assert votes.decide(given_votes, num_votes, experts) == decision


def test_the_published_example_of_alpha():
    names = {"0": NOT_PRESENT, "1": PRESENT}
    rated = {unit: {"a": names[a], "b": names[b]} for unit, (a, b) in enumerate(zip(*OBSERVERS))}
    measured = votes.agreement(rated)
    assert measured.num_pairs == 10 and measured.share == 0.6
    assert measured.alpha == pytest.approx(0.095, abs=5e-4)


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), st.sampled_from(ANSWERS), max_size=4), max_size=8))
def test_agreement_is_that_of_all_pairs_one_by_one(units):
    measured = votes.agreement(dict(enumerate(units)))
    share, alpha = reference.agreement([list(unit.values()) for unit in units])
    np.testing.assert_allclose(measured[1:], (share, alpha), atol=1e-12)
    assert measured.num_pairs == sum(len(unit) > 1 for unit in units)


def test_no_ratings_agree_on_nothing():
    assert np.isnan(votes.agreement({})[1:]).all() and votes.agreement({}).num_pairs == 0


@pytest.fixture
def log(tmp_path):
    gold = Candidate("dog", None, "file", {votes.GOLD: NOT_PRESENT})
    questions = [
        Question("a", 0.5, 1.5, (Candidate("dog"), Candidate("cat"))),
        Question("a", None, None, (Candidate(""),)),
        Question("g", None, None, (gold,)),
    ]
    with log_folder.open_or_create(str(tmp_path), None, {}) as log:
        log.add_questions(questions)
        yield log


def test_decided_ratings_are_rows_with_the_times_of_their_questions(log):
    log.add_answer(Answer(0, "anna", {"dog": PRESENT, "cat": NOT_PRESENT}, added=("Wind",)))
    log.add_answer(Answer(1, "anna", added=("dog",)))
    log.add_answer(Answer(2, "anna", {"dog": NOT_ACOUSTIC}))

    def rows(config):
        ratings = votes.decided_ratings(log, config)
        return [
            (clip_id, None if np.isnan(start) else start, label, answer)
            for clip_id, start, label, answer in zip(
                ratings.clip_ids, ratings.start_seconds, ratings.labels, ratings.answers
            )
        ]

    of_anna = [("a", 0.5, "dog", PRESENT), ("a", 0.5, "cat", NOT_PRESENT), ("a", 0.5, "Wind", PRESENT)]
    assert rows(VotingConfig()) == [*of_anna, ("a", None, "dog", PRESENT)]  # one rater: one vote; no gold
    log.add_answer(Answer(0, "bo", {"dog": NOT_PRESENT, "cat": NOT_PRESENT}))
    assert rows(VotingConfig()) == [("a", 0.5, "cat", NOT_PRESENT)]  # two raters: two equal votes
    expert = rows(VotingConfig(experts=("bo",)))
    assert expert == [("a", 0.5, "dog", NOT_PRESENT), ("a", 0.5, "cat", NOT_PRESENT)]
    assert votes.agreement(votes.of_log(log, with_added=False)) == Agreement(2, 0.5, pytest.approx(0.0))
    log.add_answer(Answer(2, "bo", {"dog": PRESENT}))
    assert votes.gold_scores(log) == {"anna": GoldScore(1, 1), "bo": GoldScore(0, 1)}


def test_why_nothing_is_decided(log):
    assert votes.nothing_decided(log, VotingConfig()).startswith("nobody has rated a clip yet")
    log.add_answer(Answer(0, "anna", {"dog": PRESENT, "cat": NOT_PRESENT}))
    log.add_answer(Answer(1, "ben", added=("dog",)))
    assert not votes.decided(log, VotingConfig())
    line = votes.nothing_decided(log, VotingConfig())
    assert line.startswith(
        "2 answers of 2 raters (anna, ben), and no rating has the 2 equal votes that decide: give --votes=1"
    )
    assert len(votes.decided(log, VotingConfig(votes=1))) == 3


def test_gold_questions_are_spread():
    questions = [Question(str(index), None, None, (Candidate("x"),)) for index in range(5)]
    gold = [Question(name, None, None, (Candidate("x"),)) for name in "gh"]
    mixed = votes.mixed_in(questions, gold, 2)
    assert [question.clip_id for question in mixed] == ["0", "1", "g", "2", "3", "h", "4"]
    assert votes.mixed_in(questions, [], 2) == questions
