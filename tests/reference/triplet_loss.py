"""The triplet loss as loops over listed triplets, in float64."""

import numpy as np


def semi_hard_loss(anchors, positives, anchor_contents, positive_contents, margin, weights=None):
    """Mean over the triplets that have a negative; contents are sets, one per window."""
    embeddings = np.concatenate([anchors, positives]).astype(np.float64)
    contents = list(anchor_contents) + list(positive_contents)
    num_triplets = len(anchors)
    weights = np.ones(num_triplets) if weights is None else weights
    terms, used = [], []
    for i in range(num_triplets):
        positive_distance = np.sum((embeddings[i] - embeddings[num_triplets + i]) ** 2)
        heard = contents[i] | contents[num_triplets + i]
        negatives = [
            np.sum((embeddings[i] - embeddings[j]) ** 2) for j in range(len(embeddings)) if not heard & contents[j]
        ]
        if not negatives:
            continue
        further = [distance for distance in negatives if distance > positive_distance]
        chosen = min(further) if further else max(negatives)
        terms.append(weights[i] * max(0.0, positive_distance - chosen + margin))
        used.append(weights[i])
    return sum(terms) / sum(used) if sum(used) else 0.0
