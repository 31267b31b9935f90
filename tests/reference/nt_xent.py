"""NT-Xent as a loop over the negatives of one pair, in float64."""

import numpy as np


def pair_loss(index, anchors, positives, is_negative, temperature):
    """The mean over both directions of -log softmax of the pair `index`; `is_negative` [2B] marks its negatives."""
    windows = np.concatenate([anchors, positives]).astype(np.float64)
    pair = windows[index], windows[len(anchors) + index]
    own = np.exp(pair[0] @ pair[1] / temperature)
    total = 0.0
    for query in pair:
        others = sum(np.exp(query @ window / temperature) for window, used in zip(windows, is_negative) if used)
        total -= np.log(own / (own + others)) / 2
    return total
