import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import coincidence


def pairs(seed=0, count=30, labels=4):
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 3, [count, count])
    scores = (rng.normal(size=[count, count]) + 2 * (kinds == 0)).astype(np.float32)
    return scores, kinds == 0, kinds == 1, [(int(label),) for label in rng.integers(0, labels, count)]


def test_auc_is_that_of_scikit_learn_over_the_pairs_that_count():
    scores, positive, negative, labels = pairs()
    found = coincidence.measure(scores, positive, negative, labels)
    counts = positive | negative
    assert found.auc == pytest.approx(roc_auc_score(positive[counts], scores[counts]))
    same = np.equal.outer([label for (label,) in labels], [label for (label,) in labels])
    counts = positive | (negative & ~same)
    assert found.auc_of_other_classes == pytest.approx(roc_auc_score(positive[counts], scores[counts]))


def test_of_clips_without_labels_there_are_no_other_classes():
    scores, positive, negative, labels = pairs()
    assert coincidence.measure(scores, positive, negative, [()] * len(labels)).auc_of_other_classes is None
    numbers = coincidence.measure(scores, positive, negative, [()] * len(labels)).numbers()
    assert "auc" in numbers and "auc_of_other_classes" not in numbers


def test_hand_worked_calibration():
    # One positive pair of weight 1/2 and four negative ones of 1/8 each. p is 0.75 for the positive and two negative
    # pairs, and 0.25 for the other two. In the upper bin 1/2 of 3/4 is positive, which is 2/3; in the lower none of
    # 1/4.
    high, low = np.log(3), -np.log(3)
    scores = np.array([[high, high, high, low, low]], np.float32)
    positive = np.array([[True, False, False, False, False]])
    found = coincidence.measure(scores, positive, ~positive, [()])
    lower, upper = found.bins
    assert (lower.predicted, lower.observed, lower.share) == pytest.approx((0.25, 0.0, 0.25))
    assert (upper.predicted, upper.observed, upper.share) == pytest.approx((0.75, 2 / 3, 0.75))
    assert found.calibration_error == pytest.approx(0.25 * 0.25 + 0.75 * (0.75 - 2 / 3))


def test_calibrated_scores_have_next_to_no_calibration_error():
    rng = np.random.default_rng(0)
    p = rng.uniform(0, 1, [400, 400])
    positive = rng.uniform(size=p.shape) < p  # half of the pairs
    scores = np.log(p / (1 - p)).astype(np.float32)
    found = coincidence.measure(scores, positive, ~positive, [()] * 400)
    assert found.calibration_error < 0.01
    assert coincidence.measure(3 * scores, positive, ~positive, [()] * 400).calibration_error > 0.1


def test_pairs_of_one_kind_alone_are_refused():
    scores, positive, negative, labels = pairs()
    for one, other in ((positive & False, negative), (positive, negative & False)):
        with pytest.raises(UserError, match="several recordings"):
            coincidence.measure(scores, one, other, labels)
