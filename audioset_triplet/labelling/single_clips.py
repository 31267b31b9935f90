"""Strategies that label the clips that they ask about, and no others: random clips, rounds of uncertain clips, mining.

Shapes: m clips of the pool, C classes.
"""

from typing import Callable, Mapping, Sequence

import numpy as np

from audioset_triplet.labelling import selection_by_score
from audioset_triplet.labelling.annotator import Annotator, Labels

Learn = Callable[[Mapping[int, Labels]], np.ndarray]  # labels by row -> probabilities of all clips [m, C]

MARGIN, UNCERTAIN = "margin", "uncertain"


def uncertainty(probabilities: np.ndarray, measure: str) -> np.ndarray:
    """[m] how unsure a classifier is of each clip (Settles 2009, "Active learning literature survey", 3.1).

    Args:
        probabilities: [m, C], of classes of which a clip has one.
        measure: MARGIN, minus the distance between the two most probable classes; or UNCERTAIN, the entropy in nats.
    """
    if measure == MARGIN:
        highest = np.sort(probabilities, axis=1)[:, -2:]
        return highest[:, 0] - highest[:, -1]
    logarithms = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
    return -(probabilities * logarithms).sum(axis=1)


def ask_in_rounds(annotator: Annotator, order: Sequence[int], learn: Learn, measure: str, of_a_round: int) -> None:
    """Asks about clips that a classifier of the answers so far is unsure of, and trains it again after each round.

    Args:
        annotator: is asked until no question is left.
        order: all rows at random, for the first round, which has no classifier, and among equals.
        learn: trains the classifier.
        measure: see `uncertainty`.
        of_a_round: questions.
    """
    shuffled = np.asarray(order)
    annotator.ask_in_order(order, of_a_round)
    while annotator.questions_left:
        unsure = uncertainty(learn(annotator.answers), measure)
        most_unsure_first = shuffled[np.argsort(-unsure[shuffled], kind="stable")]
        annotator.ask_in_order(most_unsure_first.tolist(), of_a_round)


def ask_mined(
    annotator: Annotator, exemplars: Sequence[int], candidates: Sequence[Sequence[int]], order: Sequence[int]
) -> None:
    """Asks about an exemplar of each class, and then about the classes in turn, the best candidate of each first.

    Args:
        annotator: is asked until no question is left.
        exemplars: a row of each class; each costs a question.
        candidates: rows of each class, best first; one of several classes is asked about once.
        order: all rows at random, for the questions that are left when there is no candidate any more.
    """
    in_turn = [row for _, row in selection_by_score.in_turn(candidates, 0)]
    annotator.ask_in_order([*exemplars, *in_turn, *order], annotator.questions_left)
