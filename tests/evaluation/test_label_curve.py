"""How many labels a level of mAP needs, and how many fewer that is."""

import numpy as np
import pytest
from scipy import interpolate

from audioset_triplet.evaluation import label_curve
from audioset_triplet.evaluation.label_curve import Bound, Point
from tests.label_curves import CURVES, SKEWED, WHOLE


def make_point(budget, value, std=0.0):
    return Point(budget, value, std, None, budget, 1.0, 0, 3)


CURVE = [make_point(10, 0.2), make_point(40, 0.4), make_point(80, 0.3), make_point(160, 0.6)]


def test_between_two_points_map_is_linear_in_the_logarithm_of_the_labels():
    assert label_curve.labels_needed(CURVE, 0.3).value == pytest.approx(20)
    assert label_curve.labels_needed(CURVE, 0.4).value == pytest.approx(40)
    assert label_curve.labels_needed(CURVE, 0.5).value == pytest.approx(80 * 2 ** (0.2 / 0.3))  # after the dip
    rising = CURVE[:2] + CURVE[3:]
    inverse = interpolate.interp1d([point.map for point in rising], np.log([point.budget for point in rising]))
    for level in np.linspace(0.21, 0.59, 30):
        assert label_curve.labels_needed(rising, level).value == pytest.approx(np.exp(inverse(level)))


def test_beyond_the_ends_there_are_only_bounds():
    assert label_curve.labels_needed(CURVE, 0.2) == Bound(10, "=")
    assert label_curve.labels_needed(CURVE, 0.1) == Bound(10, "<")
    assert label_curve.labels_needed(CURVE, 0.7) == Bound(160, ">")


@pytest.mark.parametrize(
    "random, selected, expected",
    [
        (Bound(80), Bound(20), Bound(4, "=")),
        (Bound(80, ">"), Bound(20), Bound(4, ">")),
        (Bound(80), Bound(20, "<"), Bound(4, ">")),
        (Bound(80, ">"), Bound(20, "<"), Bound(4, ">")),
        (Bound(80), Bound(160, ">"), Bound(0.5, "<")),
        (Bound(80, "<"), Bound(20), Bound(4, "<")),
        (Bound(80, ">"), Bound(20, ">"), None),
        (Bound(80, "<"), Bound(20, "<"), None),
    ],
)
def test_a_reduction_is_as_exact_as_its_bounds(random, selected, expected):
    assert label_curve.reduction(random, selected) == expected


def test_flat_numbers():
    numbers = label_curve.flat_numbers(CURVES)
    assert numbers["label_curve/a b/10/labelled_clips"] == 40 and numbers["label_curve/random/20/map"] == 0.5
    assert "label_curve/a b/10/budget" not in numbers
    # mAP 0.4: random selection needs 10 * 2 ** 0.6 labels, and the other one less than its smallest budget.
    assert numbers["label_curve/random/labels_for_80_percent"] == pytest.approx(10 * 2**0.6)
    assert numbers["label_curve/a b/labels_for_80_percent"] == "< 10"
    assert numbers["label_curve/a b/reduction_at_80_percent"] == f"> {2**0.6:.3g}"
    assert numbers["label_curve/a b/reduction_at_100_percent"] == 2.0


def test_savings_of_a_pool_and_of_its_trials():
    (of_pool,) = label_curve.savings([SKEWED], 1.0)["a b"]
    assert of_pool.ratio == 10 and of_pool.factor == Bound(2.0)  # random needs 20 labels for 0.5, "a b" 10
    # In its trials random selection ends at 0.4, with 20 labels; "a b" is there with 10, or halfway to it.
    assert of_pool.of_trials == pytest.approx((2, 4 / 2**0.5))
    (of_pool,) = label_curve.savings([SKEWED], 0.8)["a b"]
    assert str(of_pool.factor) == f"> {2**0.6:.3g}"


def test_keys_of_one_pool_and_of_several():
    whole, skewed = label_curve.pool_numbers([WHOLE]), label_curve.pool_numbers([SKEWED])
    assert whole["label_curve/random/20/map"] == 0.5 and whole["pool/split/clips"] == 24
    assert skewed["label_curve/ratio10/random/20/map"] == 0.5 and skewed["pool/ratio10/outside"] == 8
    assert skewed["label_curve/ratio10/a b/reduction_at_100_percent"] == 2.0 and skewed["pool/ratio10/ratio"] == 10
