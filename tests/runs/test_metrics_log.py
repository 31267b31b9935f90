import pathlib

from audioset_triplet.runs import metrics_log


def test_lines_are_appended_and_truncated(tmp_path: pathlib.Path) -> None:
    workdir = str(tmp_path)
    assert metrics_log.read(workdir) == []
    for step in (2, 4, 6):
        metrics_log.append(workdir, {"step": step, "loss": 1 / step})
    metrics_log.truncate(workdir, 4)
    assert metrics_log.read(workdir) == [{"step": 2, "loss": 0.5}, {"step": 4, "loss": 0.25}]


def test_a_line_that_a_killed_process_left_half_written_is_ignored(tmp_path: pathlib.Path) -> None:
    metrics_log.append(str(tmp_path), {"step": 1})
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 2, "lo')
    assert metrics_log.read(str(tmp_path)) == [{"step": 1}]
