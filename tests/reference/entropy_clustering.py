"""The clustering loss (Jansen et al. 2020, section 3.2) as loops over examples and clusters, in float64."""

import math

import numpy as np


def probabilities(embedding, kernel, bias):
    logits = [float(np.dot(embedding, row)) + float(shift) for row, shift in zip(kernel, bias)]
    exponentials = [math.exp(logit - max(logits)) for logit in logits]
    return [exponential / sum(exponentials) for exponential in exponentials]


def entropy(distribution):
    return -sum(p * math.log(p) for p in distribution if p > 0)


def clustering_loss(embeddings, kernel, bias, weights, gamma):
    """Mean entropy of the assignments - gamma * entropy of the mean assignment; kernel [K, D]."""
    assignments = [probabilities(embedding, kernel, bias) for embedding in np.asarray(embeddings, np.float64)]
    weights = np.asarray(weights, np.float64)
    total = sum(weights)
    mean_entropy = sum(weight * entropy(p) for weight, p in zip(weights, assignments)) / total
    mean = [sum(weight * p[k] for weight, p in zip(weights, assignments)) / total for k in range(len(kernel))]
    return mean_entropy - gamma * entropy(mean)


def numeric_gradient(function, values, step=1e-5):
    """By central differences, one number after the other."""
    values = np.array(values, np.float64)
    gradient = np.zeros_like(values)
    for index in np.ndindex(values.shape):
        kept = values[index]
        values[index] = kept + step
        above = function(values)
        values[index] = kept - step
        below = function(values)
        values[index] = kept
        gradient[index] = (above - below) / (2 * step)
    return gradient
