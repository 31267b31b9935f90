"""The page and the headline of scores under several protocols, and the plots on it."""

import re

import numpy as np
import pytest

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.evaluation import ScoresConfig
from audioset_triplet.evaluation import comparisons
from audioset_triplet.evaluation.calibration import Bin
from audioset_triplet.reports import evaluation_report, plots
from tests.evaluation import scored_windows

NAMES = ["dog_<bark>", "cat", "rain", "never"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two sets of random scores of 12 clips of 3 windows, and annotations."""
    root = tmp_path_factory.mktemp("page")
    random = np.random.default_rng(1)
    present = random.random((12, 3, 4)) < [0.5, 0.3, 0.2, 0.0]
    for name, noise in (("good", 0.5), ("poor", 0.9)):
        clips = [
            (
                ClipInfo(f"clip{row}", "r", tuple(labels), tuple(NAMES[label] for label in labels)),
                (1 - noise) * present[row] + noise * random.random((3, 4)),
            )
            for row in range(12)
            for labels in [np.flatnonzero(present[row].any(axis=0)).tolist()]
        ]
        scored_windows.write(root / name, clips, NAMES, model_id=f"{name}-model")
    where = [
        (f"clip{row}", 0.96 * window, 0.96 * (window + 1), NAMES[label]) for row, window, label in np.ndindex(12, 3, 3)
    ]
    answers = ["PRESENT" if one else "NOT_PRESENT" for one in present[:, :, :3].ravel()]
    rated = [(*one, answer) for one, answer in zip(where, answers)] + [(*where[0][:3], "bell & whistle", "PRESENT")]
    scored_windows.write_ratings(root / "ratings.tsv", rated)
    events = [one for one, answer in zip(where, answers) if answer == "PRESENT"]
    scored_windows.write_events(root / "strong.tsv", events)
    return root


def compare(world, compared=("poor",), **config):
    sets = comparisons.embedding_sets(
        str(world / "good"), compared={f"{name} one": str(world / name) for name in compared}
    )
    return comparisons.compare(ScoresConfig(**config), sets)


def test_the_page_shows_all_protocols_of_all_sets(world):
    files = {"ratings": str(world / "ratings.tsv"), "strong_labels": str(world / "strong.tsv")}
    comparison = compare(world, **files)
    report, numbers = evaluation_report.build(comparison), comparison.numbers()
    html = report.pages["report.html"]
    for protocol in ("scores", "ratings", "strong"):
        for name in ("", "poor one/"):
            for measure in ("map", "eer", "mean_d_prime"):
                value = f"{numbers[f'{protocol}/{name}{measure}']:.3f}"
                assert value in html and value in report.headline
    for view in ("prior_weighted_map", "mean_recall", "calibration_error", "mean_class_calibration_error"):
        assert f"{numbers[f'scores/{view}']:.3f}" in html and f"{numbers[f'scores/{view}']:.3f}" in report.headline
    for section in ("headline", "views", "calibration", "priors", "classes", "coverage"):
        assert f'id="{section}"' in html
    # Two plots of calibration and one of d-prime for each protocol: a dot for each measured class of both sets.
    bins = sum(len(one.result.clips.bins) for one in comparison.results)
    num_classes = len(comparison.results[0].result.clips.ranked.classes)
    assert num_classes == 3 and html.count("<svg") == 5 and html.count("<polyline") == 2
    assert html.count("<circle") == bins + 2 * 4 * num_classes
    assert "1 of 4 classes are lost" in html and "bell &amp; whistle" in html and "bell & whistle" in report.headline
    assert "dog &lt;bark&gt;" in html and "<bark>" not in html
    assert "http" not in html.lower() and not re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)|url\(([^)]*)""", html)
    assert "nan" not in html.lower()


def test_a_page_without_labels_or_annotations_has_the_sections_that_it_has_numbers_for(world):
    plain = evaluation_report.build(compare(world, ())).pages["report.html"]
    assert 'id="coverage"' not in plain and "ated pairs" not in plain and plain.count("<svg") == 3
    assert evaluation_report.build(compare(world, ())).headline.startswith("scores")


def test_axes():
    log = plots.log_axis("prior", [0.002, 0.3])
    assert (log.low, log.high, log.ticks) == (0.001, 1, pytest.approx((0.001, 0.01, 0.1, 1)))
    assert [log.share(value) for value in (0.0, 0.001, 0.1, 1, 2)] == pytest.approx([0, 0, 2 / 3, 1, 1])
    assert plots.log_axis("prior", [0.1, 0.1]).ticks == pytest.approx((0.1, 0.2, 0.5, 1))
    assert plots.log_axis("prior", [0.01, 0.1]).ticks == pytest.approx((0.01, 0.02, 0.05, 0.1))
    linear = plots.linear_axis("d", [-0.3, 2.1])
    assert linear.ticks == (-0.5, 0, 0.5, 1, 1.5, 2, 2.5) and linear.share(1) == pytest.approx(0.5)
    assert plots.linear_axis("d", []).high > 0
    plot = plots.reliability_plot("score", "share")
    (dot,) = plots.reliability_dots(plot, [Bin(0.0, 1.0, 0.25)], "clips")
    assert (dot.x, dot.y, dot.radius) == (plot.left, plot.top, 9) and "25.0% of the clips" in dot.text
