import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import coincidence
from audioset_triplet.reports import coincidence_page


def pairs(seed=0, count=30, labels=4):
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 3, [count, count])
    scores = (rng.normal(size=[count, count]) + 2 * (kinds == 0)).astype(np.float32)
    return scores, kinds == 0, kinds == 1, [(int(label),) for label in rng.integers(0, labels, count)]


def test_auc_is_that_of_scikit_learn_over_the_pairs_that_count():
    scores, coincide, apart, labels = pairs()
    found = coincidence.judge(scores, coincide, apart, labels)
    counts = coincide | apart
    assert found.auc == pytest.approx(roc_auc_score(coincide[counts], scores[counts]))
    same = np.equal.outer([label for (label,) in labels], [label for (label,) in labels])
    counts = coincide | (apart & ~same)
    assert found.auc_of_other_classes == pytest.approx(roc_auc_score(coincide[counts], scores[counts]))


def test_of_clips_without_labels_there_are_no_other_classes():
    scores, coincide, apart, labels = pairs()
    assert coincidence.judge(scores, coincide, apart, [()] * len(labels)).auc_of_other_classes is None
    numbers = coincidence.numbers(coincidence.judge(scores, coincide, apart, [()] * len(labels)))
    assert "auc" in numbers and "auc_of_other_classes" not in numbers


def test_hand_worked_calibration():
    # One pair coincides and four do not: it weighs 1/2, each of them 1/8. p is 0.75 for it and two of them, and 0.25
    # for the other two. In the upper bin 1/2 of 3/4 coincides, which is 2/3; in the lower none of 1/4.
    high, low = np.log(3), -np.log(3)
    scores = np.array([[high, high, high, low, low]], np.float32)
    coincide = np.array([[True, False, False, False, False]])
    found = coincidence.judge(scores, coincide, ~coincide, [()])
    lower, upper = found.bins
    assert (lower.said, lower.found, lower.share) == pytest.approx((0.25, 0.0, 0.25))
    assert (upper.said, upper.found, upper.share) == pytest.approx((0.75, 2 / 3, 0.75))
    assert found.calibration_error == pytest.approx(0.25 * 0.25 + 0.75 * (0.75 - 2 / 3))


def test_what_is_as_sure_as_it_may_be_has_next_to_no_calibration_error():
    rng = np.random.default_rng(0)
    p = rng.uniform(0, 1, [400, 400])
    coincide = rng.uniform(size=p.shape) < p  # both kinds are half of the pairs
    scores = np.log(p / (1 - p)).astype(np.float32)
    found = coincidence.judge(scores, coincide, ~coincide, [()] * 400)
    assert found.calibration_error < 0.01
    assert coincidence.judge(3 * scores, coincide, ~coincide, [()] * 400).calibration_error > 0.1


def test_pairs_of_one_kind_alone_are_refused():
    scores, coincide, apart, labels = pairs()
    for one, other in ((coincide & False, apart), (coincide, apart & False)):
        with pytest.raises(UserError, match="several recordings"):
            coincidence.judge(scores, one, other, labels)


def test_the_page_shows_both_parts_and_asks_with_sounds():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=[12, 12]).astype(np.float32)
    own = np.eye(12, dtype=bool)
    labels = [(index % 3,) for index in range(12)]
    results = {kind: coincidence.judge(scores, own, ~own, labels) for kind in ("av", "aa")}
    sample = coincidence.Sample(
        clip_ids=[f"clip{index}" for index in range(12)],
        labels=labels,
        waveforms=rng.integers(-3000, 3000, [12, 15600]).astype(np.int16),
        pictures=rng.integers(0, 256, [12, 32, 32, 3]).astype(np.uint8),
        results=results,
    )
    titles = {0: "dog", 1: "church_bell", 2: "rain"}
    text = coincidence_page.render(sample, titles, 10.0, [("clips", "12")], seed=0)
    assert text.count("Reliability diagram") == 2 and text.count("<audio") == 8
    assert "church bell" in text and text.count("data:image/jpeg") == 8 * 9
    assert "http" not in text.replace("http://www.w3.org", "")
    sounds_alone = coincidence.Sample(sample.clip_ids, labels, sample.waveforms, None, {"aa": results["aa"]})
    assert "Which picture" not in coincidence_page.render(sounds_alone, titles, 10.0, [], seed=0)
