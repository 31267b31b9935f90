"""The talk's label refinement as loops over labels and windows, in float64."""


def refine(scores_of_windows, labels, threshold):
    """Score and whether it is kept of each window and label of a clip, in the order of windows and labels.

    `scores_of_windows` holds a dict for each window: class index -> score.
    """
    rows = []
    for start, scores in scores_of_windows:
        for label in sorted(labels):
            largest = max((others.get(label, 0.0) for _, others in scores_of_windows))
            share = scores[label] / largest if largest > 0 else 1.0
            rows.append((start, label, share, share >= threshold))
    return rows
