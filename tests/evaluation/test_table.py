import json
import math

import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.evaluation.table import Cell, Row, Table, recovery
from audioset_triplet.studies.cells import plan
from tests.cell_results import ROWS, make_result


@pytest.mark.parametrize(
    "method, baseline, topline, expected",
    [
        (0.75, 0.5, 1.0, 0.5),
        (0.25, 0.5, 1.0, -0.5),  # below the baseline
        (1.25, 0.5, 1.0, 1.5),  # above the topline
        (0.5, 0.5, 0.5, None),  # the topline gained nothing
        (0.75, 0.5, 0.25, None),
    ],
)
def test_recovery_by_hand(method, baseline, topline, expected):
    assert recovery(method, baseline, topline) == expected


def test_a_mean_is_over_runs_with_the_sample_standard_deviation():
    results = [make_result("joint", "retrieval", [value], seed=seed) for seed, value in enumerate([0.5, 0.75, 1.0])]
    mean = Table(ROWS, [], results).mean("joint", "retrieval", "map")
    assert (mean.mean, mean.std, mean.num_values) == (0.75, 0.25, 3)  # ((1/4)^2 + 0 + (1/4)^2) / (3 - 1) = (1/4)^2
    assert (mean.num_runs, mean.num_runs_wanted) == (3, 3)


def test_a_single_value_has_no_standard_deviation():
    mean = Table(ROWS, [], [make_result("joint", "retrieval", [0.5])]).mean("joint", "retrieval", "map")
    assert (mean.mean, mean.std, mean.num_values) == (0.5, None, 1)


def test_trials_count_as_values_and_runs_as_runs():
    results = [
        make_result("joint", "semi_supervised", {"5/map": values}, seed=seed)
        for seed, values in enumerate([[0.25, 0.75], [0.25, 0.75]])
    ]
    mean = Table(ROWS, [], results).mean("joint", "semi_supervised", "5/map")
    assert (mean.mean, mean.num_values, mean.num_runs) == (0.5, 4, 2)
    assert mean.std == pytest.approx(math.sqrt(4 / 16 / 3))


def test_recovery_is_of_the_means_over_runs():
    results = [
        make_result("log_mel", "retrieval", [0.5]),
        *(make_result("joint", "retrieval", [value], seed=seed) for seed, value in enumerate([0.5, 0.75])),
        *(make_result("topline", "retrieval", [value], seed=seed) for seed, value in enumerate([0.75, 1.0])),
    ]
    table = Table(ROWS, [], results)
    assert table.recovery("joint", "retrieval") == pytest.approx((0.625 - 0.5) / (0.875 - 0.5))
    assert table.recovery("contrastive", "retrieval") is None  # has no result
    assert table.recovery("joint", "classification") is None  # no row has


def test_recovery_is_over_the_splits_that_the_three_rows_have_in_common():
    results = [make_result(row, "retrieval", [0.5 + i / 8]) for i, row in enumerate(("log_mel", "joint", "topline"))]
    assert Table(ROWS, [], results).recovery("joint", "retrieval") == pytest.approx(0.5)
    another = make_result("joint", "retrieval", [0.9], split="fold5", digest="e")
    assert Table(ROWS, [], [*results, another]).recovery("joint", "retrieval") == pytest.approx(0.5)
    assert Table(ROWS, [], [results[0], another, results[2]]).recovery("joint", "retrieval") is None  # none in common


def on_two_splits(row, hard, easy, classes=({}, {})):
    """Three seeds on one split and one on the other, all alike on a split; a row without a seed once on each."""
    seeds = range(1 if row == "log_mel" else 3)
    results = [make_result(row, "retrieval", [hard], "fold1", seed, classes[0]) for seed in seeds]
    return [*results, make_result(row, "retrieval", [easy], "fold2", 0, classes[1], digest="e")]


def test_a_split_with_more_seeds_weighs_no_more_in_recovery():
    results = [*on_two_splits("log_mel", 0.2, 0.6), *on_two_splits("joint", 0.3, 0.7)]
    results += on_two_splits("topline", 0.4, 0.8)
    assert Table(ROWS, [], results).recovery("joint", "retrieval") == pytest.approx(0.5)  # as on each split alone


def test_gains_of_classes_are_over_the_splits_of_both_and_a_split_with_more_seeds_weighs_no_more():
    results = [
        *on_two_splits("log_mel", 0.5, 0.5, ({"dog": 0.2}, {"dog": 0.6, "rain": 0.5})),
        *on_two_splits("joint", 0.5, 0.5, ({"dog": 0.3, "rain": 0.1}, {"dog": 0.8, "rain": 0.75})),
    ]
    results.append(make_result("joint", "retrieval", [0.5], "fold3", classes={"dog": 1.0}, digest="f"))
    gains = Table(ROWS, [], results).class_gains("joint", "retrieval")
    assert gains == {"dog": pytest.approx((0.1 + 0.2) / 2), "rain": pytest.approx(0.25)}


def test_a_table_in_which_the_topline_gains_nothing_has_no_recovery():
    results = [make_result(row, "retrieval", [0.5]) for row in ("log_mel", "joint", "topline")]
    numbers = Table(ROWS, [], results).numbers()
    joint = next(row for row in numbers["rows"] if row["name"] == "joint")
    assert joint["recovery"]["retrieval/map"] is None
    assert "NaN" not in json.dumps(numbers) and "Infinity" not in json.dumps(numbers)


def test_rows_beyond_the_paper_are_marked():
    numbers = Table(ROWS, [Cell("fold4", 0, "joint", "knn")], []).numbers()
    assert [row["name"] for row in numbers["rows"] if row["beyond_paper"]] == ["contrastive"]


def test_gains_of_classes_are_differences_of_means_over_runs():
    results = [
        make_result("log_mel", "retrieval", [0.5], classes={"dog": 0.25, "rain": 0.5}),
        make_result("joint", "retrieval", [0.5], seed=0, classes={"dog": 0.5, "rain": 0.25, "new": 1.0}),
        make_result("joint", "retrieval", [0.5], seed=1, classes={"dog": 1.0, "rain": 0.25}),
    ]
    assert Table(ROWS, [], results).class_gains("joint", "retrieval") == {"dog": 0.5, "rain": -0.25}


def test_a_planned_cell_is_missing_until_it_has_a_result():
    planned = plan(ROWS, ["fold4"], [0], ["joint/retrieval", "log_mel/retrieval"])
    table = Table(ROWS, planned, [make_result("joint", "retrieval", [0.5])])
    missing = {str(cell) for cell in table.missing}
    assert "fold4/log_mel/retrieval" in missing and "fold4-seed0/joint/knn" in missing
    assert "fold4-seed0/topline/knn" in missing  # not planned, but a cell of the table
    assert "fold4-seed0/joint/retrieval" not in missing
    assert len(table.cells) == 4 * 4 + 2 and not table.numbers()["complete"]


def test_a_task_with_a_result_stays_in_the_table_without_being_planned():
    few = ("classification", "semi_supervised")
    resnet50 = Row("resnet50", "ResNet-50", tasks=few[:1])
    results = [make_result("resnet50", task, {"map": [0.5], "1/map": [0.25]}) for task in few]
    table = Table([resnet50], [], results)
    assert table.numbers()["complete"] and [cell.task for cell in table.results] == list(few)
    assert table.numbers()["rows"][0]["means"]["semi_supervised/1/map"]["mean"] == 0.25
    assert (
        Cell("fold4", 1, "resnet50", few[1])
        in Table([resnet50], [Cell("fold4", 1, "resnet50", few[0])], results).missing
    )
    assert resnet50.tasks == few[:1]


def test_a_table_with_every_cell_is_complete():
    cells = plan(ROWS, ["fold4"], [0, 1], [])
    results = [make_result(cell.row, cell.task, [0.5], seed=cell.seed) for cell in cells]
    assert Table(ROWS, [], results).numbers()["complete"]
    assert not Table(ROWS, [], results[1:]).numbers()["complete"]


def test_another_seed_concerns_one_row_and_another_split_all():
    one_seed = [make_result(row, "retrieval", [0.5]) for row in ("joint", "topline")]
    more = Table(ROWS, [], [*one_seed, make_result("joint", "retrieval", [0.5], seed=7)])
    assert Cell("fold4", 7, "joint", "knn") in more.missing
    assert not any(cell.row == "topline" and cell.seed == 7 for cell in more.cells)
    wider = Table(ROWS, [], [*one_seed, make_result("joint", "retrieval", [0.5], split="fold10", digest="e")])
    assert Cell("fold10", 0, "topline", "retrieval") in wider.missing
    assert Cell("fold10", None, "log_mel", "retrieval") in wider.missing
    assert wider.splits == ["fold4", "fold10"]


def test_rows_that_were_evaluated_on_other_clips_are_refused():
    results = [make_result("joint", "retrieval", [0.5]), make_result("topline", "retrieval", [0.5], digest="other")]
    with pytest.raises(UserError, match="fold4-seed0/joint/retrieval evaluated 80 clips and fold4-seed0/topline"):
        Table(ROWS, [], results)


def test_times_are_apart_from_the_results():
    numbers = Table(ROWS, [], [make_result("joint", "retrieval", [0.5])]).numbers()
    assert numbers["timing"] == {"fold4-seed0/joint/retrieval": 10.0}
    del numbers["timing"]
    assert "seconds" not in json.dumps(numbers) and "2026" not in json.dumps(numbers)
