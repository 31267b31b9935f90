"""Curves of mAP against labels with made-up numbers."""

import math

from audioset_triplet.evaluation.label_curve import RANDOM, Point

CURVES = {
    "a b": [Point(10, 0.5, 0.0, 0.5, 40.0, 0.6, 12, 2)],
    RANDOM: [Point(10, 0.25, 0.1 / math.sqrt(2), 0.2, 10.0, 1.0, 0, 2), Point(20, 0.5, 0.0, 0.5, 20.0, 1.0, 0, 2)],
}
