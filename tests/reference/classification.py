"""The weighted cross-entropy of one example as a loop over its classes, in float64."""

import math


def example_loss(logits, targets, loss, positive_weights):
    total = sum(math.exp(logit) for logit in logits)
    value = 0.0
    for logit, target, weight in zip(logits, targets, positive_weights):
        if loss == "softmax":
            value -= weight * target * math.log(math.exp(logit) / total)
        else:
            probability = 1 / (1 + math.exp(-logit))
            positive, negative = -math.log(probability), -math.log(1 - probability)
            value += (weight * target * positive + (1 - target) * negative) / len(logits)
    return value
