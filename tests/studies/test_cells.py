import dataclasses

import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.evaluation.table import Cell
from audioset_triplet.studies import cells
from tests.cell_results import ROWS, make_result


def names(*arguments):
    return [str(cell) for cell in cells.plan(ROWS, *arguments)]


def test_a_plan_has_every_task_of_every_row_and_a_row_without_a_seed_once():
    planned = names(["fold3", "fold4"], [0, 1], [])
    assert len(planned) == len(set(planned)) == 2 * (4 + 2 + 2 * 3 * 4)
    assert planned[0] == "fold3/log_mel/retrieval"
    assert "fold4-seed1/joint/semi_supervised" in planned and "fold3/log_mel_fc4/classification" in planned
    assert "fold3/log_mel_fc4/retrieval" not in planned
    assert [name.split("-")[0].split("/")[0] for name in planned] == sorted(["fold3", "fold4"] * (len(planned) // 2))


def test_only_picks_rows_and_cells():
    assert names(["fold4"], [0, 1], ["joint/knn", "log_mel_fc4"]) == [
        "fold4-seed0/joint/knn",
        "fold4/log_mel_fc4/classification",
        "fold4/log_mel_fc4/semi_supervised",
        "fold4-seed1/joint/knn",
    ]


@pytest.mark.parametrize(
    "only, message",
    [
        ("jiont", "no row 'jiont'; the rows are log_mel, joint"),
        ("joint/hearing", "the row joint has no task 'hearing', but retrieval"),
        ("log_mel_fc4/retrieval", "the row log_mel_fc4 has no task 'retrieval', but classification, semi_supervised"),
        ("joint/", "the row joint has no task ''"),
    ],
)
def test_a_name_that_matches_nothing_is_refused(only, message):
    with pytest.raises(UserError, match=message):
        cells.plan(ROWS, ["fold4"], [0], ["joint", only])


def test_a_result_is_read_as_it_was_written(tmp_path):
    written = [
        make_result("joint", "retrieval", [0.1 + 0.2]),
        make_result("log_mel", "semi_supervised", {"5/map": [0.5, 1 / 3]}, classes={"dög": 0.5}),
    ]
    for result in written:
        cells.write_result(str(tmp_path), result)
    assert (tmp_path / "cells" / "fold4-seed0" / "joint" / "retrieval.json").exists()
    assert (tmp_path / "cells" / "fold4" / "log_mel" / "semi_supervised.json").exists()
    assert cells.read_results(str(tmp_path)) == {result.cell: result for result in written}


def test_a_folder_without_results_and_one_that_is_not_there_have_none(tmp_path):
    assert cells.read_results(str(tmp_path)) == cells.read_results(str(tmp_path / "none")) == {}


@pytest.mark.parametrize("damage", ["{", "[]", "{}", '{"cell": 3}', "NaN"])
def test_a_damaged_result_is_named(tmp_path, damage):
    cells.write_result(str(tmp_path), make_result("joint", "knn", [0.5]))
    (tmp_path / "cells" / "fold4-seed0" / "joint" / "knn.json").write_text(damage)
    with pytest.raises(UserError, match="knn.json: damaged"):
        cells.read_results(str(tmp_path))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_result_that_is_not_finite_is_refused_with_its_name(value):
    with pytest.raises(UserError, match="fold4-seed0/joint/knn: map is"):
        make_result("joint", "knn", [0.5, value])


def test_a_damaged_value_is_named(tmp_path):
    cells.write_result(str(tmp_path), make_result("joint", "knn", [0.5]))
    path = tmp_path / "cells" / "fold4-seed0" / "joint" / "knn.json"
    path.write_text(path.read_text().replace("0.5", "NaN"))
    with pytest.raises(UserError, match="knn.json: damaged .*not finite.*remove it"):
        cells.read_results(str(tmp_path))


def test_cells_are_identified_by_their_fields():
    cell = Cell("fold4", 0, "joint", "knn")
    assert {cell: 1}[dataclasses.replace(cell)] == 1 and cell.run == "fold4-seed0"
