"""An archive of 200 files is embedded as by one process, by Dask and by processes that are stopped."""

import pathlib
import random
import signal
import time

import pytest

from tests import dask_cluster, processes
from tests.export import archives
from tests.export.archives import embed, parts, rows, write

MODULE = "experiments.embed"
SLOW_FILES = 200


@pytest.fixture(scope="module")
def model(folder):
    """Jobs take a model by its path."""
    return folder


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return archives.write(tmp_path_factory.mktemp("archive"), *range(SLOW_FILES))


@pytest.fixture(scope="module")
def expected(archive, model, tmp_path_factory):
    """What one process makes of 200 files."""
    out = tmp_path_factory.mktemp("one") / "out"
    embed(model, archive, out, batch_size=64)
    found = rows(out)
    assert len({row[0] for row in found}) == SLOW_FILES
    return found


@pytest.mark.slow
def test_two_hundred_files_by_dask(archive, model, expected, tmp_path):
    arguments = processes.flags(model=model, input=archive, output=tmp_path / "out", runner="dask")
    with dask_cluster.running(tmp_path / "scratch") as address:
        result = processes.run(MODULE, *arguments, "--", f"--dask_client_address={address}")
    assert result.returncode == 0, result.stderr
    assert rows(tmp_path / "out") == expected


def interrupt(program: processes.Program) -> None:
    program.send_signal(signal.SIGINT)


@pytest.mark.slow
def test_two_hundred_files_by_two_processes_that_are_stopped_ten_times(archive, model, expected, tmp_path):
    """The machine goes down, the program alone is killed, Ctrl-C; mostly before the first part of a run is whole."""
    generator, out = random.Random(0), tmp_path / "out"
    arguments = processes.flags(model=model, input=archive, output=out, num_workers=2)
    seen = set()
    # Workers end a little later than the program that is killed.
    for stop, at_work in zip(
        [processes.Program.kill_all, processes.Program.kill, interrupt] * 4, [False, False, False, True, False] * 2
    ):
        before = len(parts(out))
        program = processes.Program(MODULE, *arguments)
        processes.wait_until((out / "_shards" / "settings.json").exists, program)
        if at_work:
            processes.wait_until(lambda before=before: len(parts(out)) > before, program)
        else:
            time.sleep(generator.uniform(0, 3))
        stop(program)
        assert program.wait(30) == (130 if stop is interrupt else -signal.SIGKILL)
        # An interrupt that comes before a program has begun leaves what the one before it has left.
        assert stop is not interrupt or not at_work or not (out / "_plan").exists()
        seen.add(len(parts(out)))
        if parts(out):
            assert set(rows(out)) <= set(expected)  # whatever has its name is whole
    assert len(seen) > 1  # it was stopped at work, and went on
    result = processes.run(MODULE, *arguments)
    assert result.returncode == 0, result.stderr
    assert rows(out) == expected and not (out / "_plan").exists()


def test_the_lock_is_taken_before_any_work(model, tmp_path):
    source = write(tmp_path / "in", 1)
    (tmp_path / "out").mkdir()
    with processes.held_by_another(tmp_path / "out"):
        result = processes.run(MODULE, *processes.flags(model=model, input=source, output=tmp_path / "out"))
    assert "another process writes there" in processes.error_of(result)
    assert not list(pathlib.Path(tmp_path / "out").iterdir())
