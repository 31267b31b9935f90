"""The resumable grid: a cell is computed once, settings stay, one process per study."""

import json
import os
import signal
import subprocess
import sys

import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.evaluation.table import Cell, Measurement, Row
from audioset_triplet.studies import cells, grid
from tests import processes, tiny_records

ROWS = [Row("a", "a", ("knn",)), Row("b", "b", ("knn", "retrieval"), has_seed=False)]

HOLDER = """
import sys, time
from audioset_triplet.studies import grid

with grid.held_alone(sys.argv[1], "table"):
    print('held', flush=True)
    time.sleep(600)
"""


def measure(cell):
    return Measurement({"map": [0.25 + 0.5 * (cell.seed or 0)]}, {}, 8, "digest")


def study(folder, seeds=(0, 1), evaluate=measure, **settings):
    """A study of two rows, and the lists of cells that it evaluates and of results that it reports."""
    evaluated, reported = [], []

    def recorded(cell):
        evaluated.append(str(cell))
        return evaluate(cell)

    made = grid.Study(
        output=str(folder),
        kind="table",
        rows=ROWS,
        cells=cells.plan(ROWS, ["fold1"], seeds),
        settings={"rows": {"a": {"steps": 4}}, **settings},
        evaluate=recorded,
        report=lambda results, known: reported.append(list(map(str, results))),
    )
    return made, evaluated, reported


def test_every_cell_is_evaluated_once_and_reported_at_once(tmp_path, capsys):
    made, evaluated, reported = study(tmp_path)
    results = grid.fill(made)
    expected = ["fold1-seed0/a/knn", "fold1/b/knn", "fold1/b/retrieval", "fold1-seed1/a/knn"]
    assert evaluated == expected and reported == [expected[:count] for count in (1, 2, 3, 4)]
    assert results == cells.read_results(str(tmp_path))
    assert results[Cell("fold1", 1, "a", "knn")].values == {"map": [0.75]}
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("0 of 4 cells are done") and "fold1/b/knn: map 0.250" in lines[2] and "2 of 4" in lines[2]

    made, evaluated, reported = study(tmp_path, seeds=(0, 2))  # extended; the cell of seed 1 stays
    results = grid.fill(made)
    assert evaluated == ["fold1-seed2/a/knn"] and len(results) == 5
    assert "3 of 4 cells are done" in capsys.readouterr().out
    made, evaluated, reported = study(tmp_path)
    grid.fill(made)
    assert not evaluated and len(reported) == 1 and len(reported[0]) == 5


def test_a_study_that_was_stopped_goes_on_with_the_next_cell(tmp_path):
    def stop_at_retrieval(cell):
        if cell.task == "retrieval":
            raise UserError("a full disk")
        return measure(cell)

    with pytest.raises(UserError, match="fold1/b/retrieval: a full disk"):
        grid.fill(study(tmp_path, evaluate=stop_at_retrieval)[0])
    made, evaluated, _ = study(tmp_path)
    grid.fill(made)
    assert evaluated == ["fold1/b/retrieval", "fold1-seed1/a/knn"]


def test_settings_can_be_extended_and_not_changed(tmp_path):
    grid.fill(study(tmp_path)[0])
    grid.fill(study(tmp_path, clusterings={"a": [{"digest": "x"}]})[0])
    grid.fill(study(tmp_path, clusterings={"b": [{"digest": "y"}]})[0])
    for given, message in (
        ({"rows": {"a": {"steps": 5}}}, "rows/a/steps: 4, now 5"),
        ({"clusterings": {"a": [{"digest": "z"}]}}, "clusterings/a"),
        ({"clusterings": {"b": []}}, "clusterings/b"),
    ):
        before = (tmp_path / "config.json").read_text()
        with pytest.raises(UserError, match=f"holds a table with other settings .{message}"):
            grid.fill(study(tmp_path, **given)[0])
        assert (tmp_path / "config.json").read_text() == before
    assert json.loads((tmp_path / "config.json").read_text())["clusterings"].keys() == {"a", "b"}
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match="config.json: damaged"):
        grid.fill(study(tmp_path)[0])


def test_a_folder_is_held_by_one_process_and_released_when_it_is_killed(tmp_path):
    table = str(tmp_path / "table")
    command = [sys.executable, "-c", HOLDER, table]
    with subprocess.Popen(command, cwd=processes.ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "held\n"
            with pytest.raises(UserError, match="table: another process works on this table"):
                grid.fill(study(table)[0])
        finally:
            os.kill(process.pid, signal.SIGKILL)
    assert os.listdir(table) == []
    grid.fill(study(table)[0])


def test_several_workers_are_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": ["a:1", "b:1"]}}))
    with pytest.raises(UserError, match="not the workers of TF_CONFIG"):
        grid.fill(study(tmp_path / "table")[0])
    assert not (tmp_path / "table").exists()


@pytest.mark.slow
def test_the_program_leaves_a_table_alone_that_another_process_works_on(tmp_path):
    data = tiny_records.write(tmp_path / "clips.tfrecord", tiny_records.make_clips(4, 2))
    flags = processes.flags(data=data, output=tmp_path / "table")
    (tmp_path / "table").mkdir()
    with processes.held_by_another(tmp_path / "table"):
        line = processes.error_of(processes.run("experiments.reproduce_jansen2018", *flags))
    assert "another process writes there" in line
    assert [path.name for path in (tmp_path / "table").iterdir()] == []
