"""Curves of mAP against labels with made-up numbers."""

import math

from audioset_triplet.evaluation.label_curve import RANDOM, Point, PoolCurves

CURVES = {
    "a b": [Point(10, 0.5, 0.0, 0.5, 40.0, 0.6, 12, 2)],
    RANDOM: [Point(10, 0.25, 0.1 / math.sqrt(2), 0.2, 10.0, 1.0, 0, 2), Point(20, 0.5, 0.0, 0.5, 20.0, 1.0, 0, 2)],
}
WHOLE = PoolCurves("split", 0.0, 1.0, 24.0, 0.0, CURVES, [CURVES])
SKEWED = PoolCurves(
    "ratio10",
    10.0,
    10.0,
    24.0,
    8.0,
    CURVES,
    [
        {
            "a b": [Point(5, 0.2, 0.0, 0.5, 40.0, 0.6, 12, 1), Point(10, level, 0.0, 0.5, 40.0, 0.6, 12, 1)],
            RANDOM: [Point(10, 0.2, 0.0, 0.2, 10.0, 1.0, 0, 1), Point(20, 0.4, 0.0, 0.5, 20.0, 1.0, 0, 1)],
        }
        for level in (0.4, 0.6)
    ],
)
