"""The page of the curves."""

import dataclasses
import re

from audioset_triplet.evaluation.label_curve import RANDOM
from audioset_triplet.reports import label_curve_page
from tests.label_curves import CURVES, SKEWED, WHOLE


def test_the_page_shows_the_numbers():
    page = label_curve_page.render([WHOLE], "model <1>", [("seed", "0")])
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
    assert "Not all trials" in label_curve_page.render([dataclasses.replace(WHOLE, curves=stopped)], "m", [])
    assert "Saving against the skew" not in page
    text = label_curve_page.headline([WHOLE])
    assert "random  10: 0.250 ± 0.071, 20: 0.500 ± 0.000" in text and "100%: 2" in text
    assert text.startswith("1:1, 24 clips, 0 of none of the classes\n")


def test_several_pools_have_a_chart_each_and_the_savings_against_the_skew():
    pools = [SKEWED, dataclasses.replace(SKEWED, name="ratio100", asked_ratio=100.0, ratio=100.0)]
    page = label_curve_page.render(pools, "model", [])
    assert page.count('<svg class="curve"') == 2 and page.count('<svg class="curve saving"') == 3
    assert "10:1, 24 clips, 8 of none of the classes" in page and "100:1, 24 clips" in page
    # At 80% "a b" is above the level from its first point on: a bound, an empty circle, at both ratios.
    chart = page.split('class="curve saving"')[2]
    assert chart.split("</svg>")[0].count('class="bounded"') == 2
    assert page.count('class="spread"') > 0
