"""Metrics of rankings by counting, written from their definitions."""

from typing import Sequence


def roc_auc(scores: Sequence[float], relevant: Sequence[bool]) -> float:
    """The share of (relevant, other) pairs of which the relevant one scores higher; half for a tie."""
    right, pairs = 0.0, 0
    for score, is_relevant in zip(scores, relevant):
        for other, other_relevant in zip(scores, relevant):
            if is_relevant and not other_relevant:
                right += 1.0 if score > other else 0.5 if score == other else 0.0
                pairs += 1
    return right / pairs


def average_precision(scores: Sequence[float], relevant: Sequence[bool]) -> float:
    """The mean, over the relevant items, of the share of relevant ones among all that score as high or higher."""
    precisions = []
    for score, is_relevant in zip(scores, relevant):
        if is_relevant:
            above = [flag for other, flag in zip(scores, relevant) if other >= score]
            precisions.append(sum(above) / len(above))
    return sum(precisions) / len(precisions)


def equal_error_rate(scores: Sequence[float], relevant: Sequence[bool]) -> float:
    """Where the straight lines between neighbouring points of the ROC curve cross the line of equal errors."""
    num_relevant = sum(relevant)
    points = [(0.0, 1.0)]  # (false accepts, false rejects) when nothing is accepted
    for threshold in sorted(set(scores), reverse=True):
        accepted = [flag for score, flag in zip(scores, relevant) if score >= threshold]
        hits = sum(accepted)
        points.append(((len(accepted) - hits) / (len(scores) - num_relevant), 1 - hits / num_relevant))
    for (accepts, rejects), (next_accepts, next_rejects) in zip(points, points[1:]):
        if next_accepts >= next_rejects:
            share = (rejects - accepts) / (rejects - accepts + next_accepts - next_rejects)
            return accepts + share * (next_accepts - accepts)
    raise AssertionError("the curve ends where everything is accepted")
