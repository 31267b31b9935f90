"""Which clips a curve learns from, what it measures, and how many fewer labels that is."""

import dataclasses
import re

import numpy as np
import pytest
from scipy import interpolate

from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import classification, metrics, splits
from audioset_triplet.labelling import clip_clusters
from audioset_triplet.reports import label_curve_page
from audioset_triplet.studies import curve_files, label_curve
from audioset_triplet.studies.label_curve import RANDOM, Bound, Cell, Choices, Point, Result
from tests import clustered, example_clips

HEAD = HeadConfig(hidden_units=16, head_epochs=1, head_min_steps=30)
INFOS = example_clips.make_infos(48, 4)
TRAIN = [info for info in INFOS if info.fold == 1]
IDS = [info.clip_id for info in TRAIN]
BY_CLASS = [info.labels[0] for info in TRAIN]
PAIRS = [place // 2 for place in range(24)]  # 12 clusters of two clips each


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("curve")
    example_clips.write(root / "all", INFOS, noise=2.0)
    clustered.write(root / "classes", IDS[::-1], BY_CLASS[::-1])
    clustered.write(root / "pairs", [*IDS, "another clip"], [*PAIRS, 50])
    return root


@pytest.fixture(scope="module")
def choices(folder):
    split = splits.read_split(str(folder / "all"), [1], str(folder / "all"), [2])
    read = {name: clip_clusters.read(str(folder / name)) for name in ("classes", "pairs")}
    return Choices(
        split,
        {"classes": [read["classes"]], "both": [read["pairs"], read["classes"]]},
        member="random",
        asked_weight=1.0,
        seed=5,
    )


def test_random_choice_shows_clips_with_their_own_labels(choices):
    draws = [choices.labels(Cell(RANDOM, count, 0))[0] for count in (3, 10)]
    for count, shown in zip((3, 10), draws):
        assert sum(map(bool, shown)) == count
        assert all(labels in ((), info.labels) for labels, info in zip(shown, TRAIN))
    assert all(larger == smaller for smaller, larger in zip(*draws) if smaller)
    assert choices.labels(Cell(RANDOM, 3, 1))[0] != draws[0]


def test_clusters_of_one_class_each_label_all_of_their_clips_rightly(choices):
    sizes = {label: BY_CLASS.count(label) for label in range(4)}
    biggest = sorted(sizes, key=lambda label: (-sizes[label], label))
    for count in (1, 3, 4):
        shown, _, num_clusters = choices.labels(Cell("classes", count, 0))
        assert num_clusters == 4
        assert shown == [info.labels if info.labels[0] in biggest[:count] else () for info in TRAIN]


def test_a_cluster_gets_the_label_of_one_member_right_or_wrong(choices):
    seen = set()
    for trial in range(20):
        shown, _, _ = choices.labels(Cell("both", 6, trial))
        assert len([labels for labels in shown if labels]) == 12 and not any(shown[12:])
        for place in range(0, 12, 2):
            assert shown[place] == shown[place + 1] and shown[place] in (TRAIN[place].labels, TRAIN[place + 1].labels)
        seen.add(tuple(shown))
    assert len(seen) > 5


def test_of_several_clusterings_the_smallest_that_suffices_is_taken(choices):
    assert [choices.clustering("both", count).num_used for count in (1, 4, 5, 12)] == [4, 4, 12, 12]
    assert choices.clustering("both", 13) is None  # that clip 24 has a cluster of its own does not count: it is no clip
    cells = choices.cells([4, 12, 24], trials=2)
    assert cells[:4] == [Cell(RANDOM, 4, 0), Cell("classes", 4, 0), Cell("both", 4, 0), Cell(RANDOM, 12, 0)]
    assert len(cells) == len(set(cells)) == 2 * (3 + 2 + 1)


def test_what_does_not_fit_the_clips_is_refused(folder, choices):
    split = splits.read_split(str(folder / "all"), [1], str(folder / "all"), [2])
    for name, ids, model_id, named in (
        ("other", IDS, "other-model", "embeddings of other-model, not of model"),
        ("some", IDS[1:], "model", f"1 of 24 clips have no cluster, such as {IDS[0]}"),
    ):
        path = clustered.write(folder / name, ids, [0] * len(ids), model_id=model_id)
        with pytest.raises(UserError, match=named):
            Choices(split, {"x": [clip_clusters.read(path)]}, "random", 1.0, 0)


def test_a_cell_is_the_classifier_on_the_labels_that_are_shown(folder, choices):
    split = splits.read_split(str(folder / "all"), [1], str(folder / "all"), [2])
    cell = Cell("both", 12, 1)
    shown, _, _ = choices.labels(cell)
    train = dataclasses.replace(split.train, labels=shown)
    scores = classification.clip_scores(dataclasses.replace(split, train=train), np.ones(24, bool), HEAD, 5 + 1)
    result = choices.measure(cell, HEAD)
    assert result == Result(metrics.measure(scores).map, metrics.measure(scores).accuracy, 24, result.right, 12)
    assert result.right == pytest.approx(np.mean([labels == info.labels for labels, info in zip(shown, TRAIN)]))
    assert 0.5 <= result.right < 1


def test_which_clips_are_asked_about(folder):
    split = splits.read_split(str(folder / "all"), [1], str(folder / "all"), [2])
    clusterings = {"pairs": [clip_clusters.read(str(folder / "pairs"))]}
    heavy = Choices(split, clusterings, "random", asked_weight=3.0, seed=5)
    shown, is_asked, _ = heavy.labels(Cell("pairs", 6, 0))
    assert sum(map(bool, shown)) == 12 and is_asked.sum() == 6
    assert all(shown[row] == TRAIN[row].labels for row in np.flatnonzero(is_asked))
    shown, is_asked, _ = heavy.labels(Cell(RANDOM, 5, 0))
    np.testing.assert_array_equal(is_asked, [bool(labels) for labels in shown])
    light = Choices(split, clusterings, "random", asked_weight=1.0, seed=5)
    assert heavy.measure(Cell("pairs", 12, 0), HEAD) != light.measure(Cell("pairs", 12, 0), HEAD)


def test_clips_that_count_more_decide(tmp_path):
    example_clips.write(tmp_path / "all", INFOS, noise=0.3)
    split = splits.read_split(str(tmp_path / "all"), [1], str(tmp_path / "all"), [2])
    is_right = np.arange(24) // 4 % 2 == 0  # half of each class
    labels = [own if right else ((own[0] + 1) % 4,) for own, right in zip(split.train.labels, is_right)]
    train = dataclasses.replace(split.train, labels=labels)

    def accuracy(weights):
        weighted = dataclasses.replace(split, train=train, weights=weights.astype(np.float32))
        head = dataclasses.replace(HEAD, head_min_steps=100)
        return metrics.measure(classification.clip_scores(weighted, np.ones(24, bool), head, 0)).accuracy

    assert accuracy(np.where(is_right, 10.0, 0.1)) > 0.6 > 0.4 > accuracy(np.where(is_right, 0.1, 10.0))


def point(budget, value, std=0.0):
    return Point(budget, value, std, None, budget, 1.0, 0, 3)


CURVE = [point(10, 0.2), point(40, 0.4), point(80, 0.3), point(160, 0.6)]


def test_labels_between_two_points_are_found_on_the_logarithm():
    assert label_curve.labels_needed(CURVE, 0.3).value == pytest.approx(20)
    assert label_curve.labels_needed(CURVE, 0.4).value == pytest.approx(40)
    assert label_curve.labels_needed(CURVE, 0.5).value == pytest.approx(80 * 2 ** (0.2 / 0.3))  # behind the dip
    rising = CURVE[:2] + CURVE[3:]
    inverse = interpolate.interp1d([one.map for one in rising], np.log([one.budget for one in rising]))
    for level in np.linspace(0.21, 0.59, 30):
        assert label_curve.labels_needed(rising, level).value == pytest.approx(np.exp(inverse(level)))


def test_what_is_beyond_the_ends_is_only_bounded():
    assert label_curve.labels_needed(CURVE, 0.2) == Bound(10, "=")
    assert label_curve.labels_needed(CURVE, 0.1) == Bound(10, "<")
    assert label_curve.labels_needed(CURVE, 0.7) == Bound(160, ">")


@pytest.mark.parametrize(
    "by_chance, chosen, expected",
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
def test_a_reduction_says_as_much_as_is_known(by_chance, chosen, expected):
    assert label_curve.reduction(by_chance, chosen) == expected


RESULTS = {
    Cell(RANDOM, 10, 0): Result(0.2, 0.1, 10, 1.0, 0),
    Cell(RANDOM, 10, 1): Result(0.3, 0.3, 10, 1.0, 0),
    Cell("a b", 10, 0): Result(0.5, 0.4, 30, 0.5, 12),
    Cell("a b", 10, 1): Result(0.5, 0.6, 50, 0.7, 12),
    Cell(RANDOM, 20, 0): Result(0.5, 0.5, 20, 1.0, 0),
    Cell(RANDOM, 20, 1): Result(0.5, 0.5, 20, 1.0, 0),
}


def test_points_are_means_over_trials_with_random_choice_last():
    curves = label_curve.curves(RESULTS)
    assert list(curves) == ["a b", RANDOM]
    first = curves[RANDOM][0]
    assert (first.budget, first.trials) == (10, 2) and first.map == pytest.approx(0.25)
    assert first.map_std == pytest.approx(0.1 / np.sqrt(2)) and first.accuracy == pytest.approx(0.2)
    assert curves["a b"] == [Point(10, 0.5, 0.0, 0.5, 40.0, pytest.approx(0.6), 12, 2)]
    numbers = label_curve.flat_numbers(curves)
    assert numbers["label_curve/a b/10/labelled_clips"] == 40 and numbers["label_curve/random/20/map"] == 0.5
    assert "label_curve/a b/10/budget" not in numbers


def test_the_page_and_the_numbers_say_the_same():
    curves = label_curve.curves(RESULTS)
    numbers = label_curve_page.flat_numbers(curves)
    # 0.4 of mAP: random needs 10 * 2 ** 0.6 labels, and the other choice less than its fewest.
    assert numbers["label_curve/random/labels_for_80_percent"] == pytest.approx(10 * 2**0.6)
    assert numbers["label_curve/a b/labels_for_80_percent"] == "< 10"
    assert numbers["label_curve/a b/reduction_at_80_percent"] == f"> {2**0.6:.3g}"
    assert numbers["label_curve/a b/reduction_at_100_percent"] == 2.0
    page = label_curve_page.render(curves, "model <1>", 24, [("seed", "0")])
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
    (x1, y1), (x2, y2) = (map(float, place.split(",")) for place in line.split())
    assert x1 < x2 and y1 > y2  # more labels to the right, higher mAP above
    assert "Not all trials" not in page
    stopped = {cell: result for cell, result in RESULTS.items() if cell != Cell(RANDOM, 20, 1)}
    assert "Not all trials" in label_curve_page.render(label_curve.curves(stopped), "m", 24, [])
    text = label_curve_page.headline(curves)
    assert "random  10: 0.250 ± 0.071, 20: 0.500 ± 0.000" in text and "100%: 2" in text


def test_budgets_are_halves_of_all_clips():
    assert label_curve.default_budgets(1196) == [18, 37, 74, 149, 299, 598, 1196]
    assert label_curve.default_budgets(7) == [7]


def test_results_are_kept_and_damage_is_named(tmp_path):
    for cell, result in RESULTS.items():
        curve_files.write_result(str(tmp_path), cell, result)
    assert curve_files.read_results(str(tmp_path), RESULTS) == RESULTS
    assert curve_files.read_results(str(tmp_path), [Cell(RANDOM, 11, 0)]) == {}
    for damage in ("{", "[]", "{}", '{"map": NaN, "accuracy": 1, "labelled_clips": 1, "right": 1, "num_clusters": 1}'):
        (tmp_path / "cells" / "a b" / "10-0.json").write_text(damage)
        with pytest.raises(UserError, match="10-0.json: damaged .*remove it"):
            curve_files.read_results(str(tmp_path), RESULTS)


def test_settings_can_be_extended_and_not_changed(tmp_path):
    folder = str(tmp_path)
    curve_files.keep_settings(folder, {"seed": 0, "clusterings": {"a": [{"digest": "x"}]}})
    curve_files.keep_settings(folder, {"seed": 0, "clusterings": {"b": [{"digest": "y"}]}})
    for given, named in (
        ({"seed": 1, "clusterings": {}}, "seed: 0, now 1"),
        ({"seed": 0, "clusterings": {"a": [{"digest": "z"}]}}, "clusterings: a"),
        ({"seed": 0, "clusterings": {"b": []}}, "clusterings: b"),
    ):
        with pytest.raises(UserError, match=f"other settings .{named}"):
            curve_files.keep_settings(folder, given)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match="config.json: damaged"):
        curve_files.keep_settings(folder, {})
