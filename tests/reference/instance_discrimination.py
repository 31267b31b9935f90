"""Instance discrimination as loops over windows and instances, in float64 (Wu et al. 2018; Hornauer et al. 2021)."""

import math
from typing import Sequence

import numpy as np


def softmax_loss(embedding: np.ndarray, bank: np.ndarray, instance: int, temperature: float) -> float:
    """-log P(instance | embedding), of [D] and [n, D]."""
    powers = [math.exp(float(np.dot(row.astype(np.float64), embedding)) / temperature) for row in bank]
    return -math.log(powers[instance] / sum(powers))


def noise_contrastive_loss(
    embedding: np.ndarray, bank: np.ndarray, rows: Sequence[int], temperature: float, normalizer: float
) -> float:
    """Of one window, whose clip is the first of the rows: the binary cross-entropies of all rows."""
    noise = (len(rows) - 1) / len(bank)
    loss = 0.0
    for place, row in enumerate(rows):
        probability = math.exp(float(np.dot(bank[row].astype(np.float64), embedding)) / temperature) / normalizer
        posterior = probability / (probability + noise)
        loss -= math.log(posterior if place == 0 else 1 - posterior)
    return loss


def normalizer(embeddings: np.ndarray, bank: np.ndarray, rows: np.ndarray, temperature: float) -> float:
    """n times the mean of exp(s / temperature) over windows [B, D] and their rows [B, K + 1]."""
    powers = [
        math.exp(float(np.dot(bank[row].astype(np.float64), embedding)) / temperature)
        for embedding, of_window in zip(embeddings, rows)
        for row in of_window
    ]
    return len(bank) * sum(powers) / len(powers)


def updated(bank: np.ndarray, instances: Sequence[int], embeddings: np.ndarray, momentum: float) -> np.ndarray:
    """The bank after a batch: rows move from where they were before it, and the last window of a clip counts."""
    after = bank.astype(np.float64)
    for instance, embedding in zip(instances, embeddings):
        moved = momentum * bank[instance] + (1 - momentum) * embedding
        after[instance] = moved / np.linalg.norm(moved)
    return after
