"""The votes of raters and what they decide; how far raters agree, and how well they answer gold questions.

The rules are those of Freesound's annotation page for FSD50K (Fonseca et al. 2022): the first rating with enough equal
votes of raters who are no experts decides, in a fixed order; the latest vote of an expert overrides them. A rating of a
candidate label is a vote, and a label that a rater adds is a vote for PRESENT.

Shapes: n pairs of an interval and a label.
"""

import collections
import itertools
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from audioset_triplet.config.voting import VotingConfig
from audioset_triplet.labelling.annotation_log import AnnotationLog
from audioset_triplet.labelling.events import Interval, Question
from audioset_triplet.plurals import counted
from audioset_triplet.store.ratings import NOT_ACOUSTIC, NOT_PRESENT, PRESENT, UNSURE, Ratings

# The order in which ratings are tested for enough votes: FSD50K's present, unsure, not present; then the one that it
# does not have.
ORDER = (PRESENT, UNSURE, NOT_PRESENT, NOT_ACOUSTIC)
GOLD = "gold"  # in the details of a candidate: the known rating

Pair = Tuple[Interval, str]  # interval and label
Votes = Dict[str, str]  # rater -> rating, the latest vote last


class Agreement(NamedTuple):
    """How far raters agree on the pairs that at least two of them rated."""

    num_pairs: int  # of an interval and a label
    share: float  # of pairs of ratings of one pair that are equal; NaN: none
    alpha: float  # Krippendorff's, of nominal data; NaN: there is one rating alone, or none


class GoldScore(NamedTuple):
    """How a rater answers questions whose answer is known."""

    num_right: int
    num_rated: int


def of_log(log: AnnotationLog, with_added: bool = True) -> Dict[Pair, Votes]:
    """The votes of each pair, in the order of the first; of a rater the latest counts.

    Args:
        log: the answers.
        with_added: whether labels that raters added count as votes for PRESENT.
    """
    votes: Dict[Pair, Votes] = {}
    for answer in log.current_answers():
        interval = log.questions[answer.question].interval
        ratings = dict(answer.ratings)
        if with_added:
            ratings.update({label: PRESENT for label in answer.added if label not in ratings})
        for label, rating in ratings.items():
            of_pair = votes.setdefault((interval, label), {})
            of_pair.pop(answer.rater, None)
            of_pair[answer.rater] = rating
    return votes


def decide(votes: Mapping[str, str], num_votes: int, experts: Tuple[str, ...] = ()) -> Optional[str]:
    """The rating that votes decide, or None.

    Args:
        votes: rater -> rating, the latest vote last.
        num_votes: equal votes that decide.
        experts: raters whose latest vote decides alone.
    """
    of_experts = [rating for rater, rating in votes.items() if rater in experts]
    if of_experts:
        return of_experts[-1]
    counts = collections.Counter(votes.values())
    return next((rating for rating in ORDER if counts[rating] >= num_votes), None)


def decisions(log: AnnotationLog, config: VotingConfig) -> Dict[Pair, Optional[str]]:
    """What the votes of each pair decide, None: nothing; in the order of the first votes, without gold questions."""
    num_votes = _num_votes(log, config)
    gold = _gold(log)
    return {pair: decide(votes, num_votes, config.experts) for pair, votes in of_log(log).items() if pair not in gold}


def _num_votes(log: AnnotationLog, config: VotingConfig) -> int:
    return config.votes or (1 if len(log.raters) < 2 else 2)


def nothing_decided(log: AnnotationLog, config: VotingConfig) -> str:
    """Why votes decide no rating of a log, and what to do: the end of an error."""
    num_answers, num_votes = len(log.answers), _num_votes(log, config)
    if not num_answers:
        return "nobody has rated a clip yet: rate some first (experiments.label)"
    of_raters = f"{counted(num_answers, 'answer')} of {counted(len(log.raters), 'rater')} ({', '.join(log.raters)})"
    if num_votes > 1 and of_log(log):
        return (
            f"{of_raters}, and no rating has the {num_votes} equal votes that decide: give --votes=1, or let others "
            "rate the same clips"
        )
    return f"{of_raters}, and none is a rating: rate some clips (experiments.label)"


def decided(log: AnnotationLog, config: VotingConfig) -> Dict[Pair, str]:
    """The same of the pairs that votes decide."""
    return {pair: rating for pair, rating in decisions(log, config).items() if rating is not None}


def decided_labels(log: AnnotationLog, config: VotingConfig, rating: str) -> Dict[Interval, List[str]]:
    """Interval -> the labels for which votes decide this rating."""
    labels: Dict[Interval, List[str]] = {}
    for (interval, label), decision in decided(log, config).items():
        if decision == rating:
            labels.setdefault(interval, []).append(label)
    return labels


def decided_ratings(log: AnnotationLog, config: VotingConfig) -> Ratings:
    """The same as rows of a file of ratings, with the times of the questions."""
    first = {question.interval: question for question in reversed(list(log.questions.values()))}
    rows = [(first[interval], label, rating) for (interval, label), rating in decided(log, config).items()]
    return Ratings(
        clip_ids=_texts([question.clip_id for question, *_ in rows]),
        start_seconds=_times([question.start_seconds for question, *_ in rows]),
        end_seconds=_times([question.end_seconds for question, *_ in rows]),
        labels=_texts([label for _, label, _ in rows]),
        answers=_texts([rating for *_, rating in rows]),
    )


def agreement(votes: Mapping[Pair, Mapping[str, str]]) -> Agreement:
    """How far raters agree.

    Krippendorff's alpha for nominal data compares the disagreement within pairs with that of all ratings drawn at
    random; 1 is full agreement, 0 that of chance. It takes any number of raters of each pair (Krippendorff 2011,
    "Computing Krippendorff's alpha-reliability").
    """
    rated = [list(of_pair.values()) for of_pair in votes.values() if len(of_pair) > 1]
    columns = {rating: column for column, rating in enumerate(ORDER)}
    counts = np.zeros((len(rated), len(ORDER)))
    for row, ratings in enumerate(rated):
        for rating in ratings:
            counts[row, columns[rating]] += 1
    sizes = counts.sum(axis=1)
    equal = (counts * (counts - 1)).sum(axis=1)  # ordered pairs of equal ratings
    total = sizes.sum()
    num_ordered = (sizes * (sizes - 1)).sum()
    share = float(equal.sum() / num_ordered) if num_ordered else float("nan")
    of_rating = counts.sum(axis=0)
    expected = float(total * (total - 1) - (of_rating * (of_rating - 1)).sum())  # unequal pairs of all ratings
    observed = float(total - (equal / np.maximum(sizes - 1, 1)).sum())
    alpha = 1 - (total - 1) * observed / expected if expected else float("nan")
    return Agreement(len(rated), share, alpha)


def gold_scores(log: AnnotationLog) -> Dict[str, GoldScore]:
    """Rater -> how many gold questions were answered with the known rating; what cannot be heard is not present."""
    gold = _gold(log)
    scores: Dict[str, GoldScore] = {}
    for pair, of_pair in of_log(log).items():
        for rater, rating in of_pair.items() if pair in gold else ():
            right, rated = scores.get(rater, GoldScore(0, 0))
            heard = NOT_PRESENT if rating == NOT_ACOUSTIC else rating
            scores[rater] = GoldScore(right + (heard == gold[pair]), rated + 1)
    return scores


def mixed_in(questions: List[Question], gold: List[Question], every: int) -> List[Question]:
    """Questions with a gold one after each `every` of them, until none is left."""
    groups = [questions[first : first + every] for first in range(0, len(questions), every)]
    pairs = itertools.zip_longest(groups, gold[: len(groups)])
    return [question for group, one in pairs for question in [*group, *([one] if one else [])]]


def _gold(log: AnnotationLog) -> Dict[Pair, str]:
    """The known ratings of gold questions."""
    return {
        (question.interval, candidate.label): candidate.details[GOLD]
        for question in log.questions.values()
        for candidate in question.candidates
        if GOLD in candidate.details
    }


def _texts(values: List[str]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _times(values: List[Optional[float]]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], np.float64)
