"""The page of the curves."""

import dataclasses
import re

from audioset_triplet.evaluation.label_curve import RANDOM
from audioset_triplet.reports import label_curve_page
from tests.label_curves import CURVES


def test_the_page_shows_the_numbers():
    page = label_curve_page.render(CURVES, "model <1>", 24, [("seed", "0")])
    for text in (
        "a b",
        "0.250",
        "± 0.071",
        "40 clips, 60%",
        "of 12 clusters",
        "&gt; 1.52 times fewer",
        "<dt>seed</dt>",
    ):
        assert text in page
    assert "http" not in page and page.count("<polygon") == 2 and page.count("<circle") == 3
    (line,) = re.findall(r'class="dashed" points="([^"]*)"', page)
    (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in line.split())
    assert x1 < x2 and y1 > y2  # more labels to the right, higher mAP above
    assert "Not all trials" not in page
    first, last = CURVES[RANDOM]
    stopped = {**CURVES, RANDOM: [first, dataclasses.replace(last, trials=1)]}
    assert "Not all trials" in label_curve_page.render(stopped, "m", 24, [])
    text = label_curve_page.headline(CURVES)
    assert "random  10: 0.250 ± 0.071, 20: 0.500 ± 0.000" in text and "100%: 2" in text
