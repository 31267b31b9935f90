"""The coincidence loss as a loop over pairs, in float64."""

import math


def coincidence_loss(scores, coincide, apart):
    """The mean of -log p over the pairs that coincide and of -log(1 - p) over those apart; p = sigmoid(score)."""
    near, far = [], []
    for i, row in enumerate(scores):
        for j, score in enumerate(row):
            probability = 1 / (1 + math.exp(-float(score)))
            if coincide[i][j]:
                near.append(-math.log(probability))
            if apart[i][j]:
                far.append(-math.log(1 - probability))
    return sum(sum(part) / len(part) for part in (near, far) if part)
