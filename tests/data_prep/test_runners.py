"""The same bytes from every runner, and from runs that were killed."""

import random
import signal
import time

import pytest

from tests import dask_cluster, datasets, processes
from tests.data_prep.written import contents

MODULE = "data_prep.prepare_esc50"
NUM_SHARDS = 8  # of each of four folds

pytestmark = pytest.mark.slow


def prepare(output, *arguments, beam_options=()):
    flags = processes.flags(source=datasets.esc50(), output=output, num_shards=NUM_SHARDS)
    result = processes.run(MODULE, *flags, *arguments, "--", *beam_options)
    assert result.returncode == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What one process makes of ESC-50."""
    output = tmp_path_factory.mktemp("one") / "out"
    prepare(output, "--num_workers=1")
    found = contents(output)
    assert len([name for name in found if name.endswith(".tfrecord")]) == 4 * NUM_SHARDS
    return found


def test_a_dask_cluster(tmp_path, expected):
    with dask_cluster.running(tmp_path / "scratch") as address:
        prepare(tmp_path / "out", "--runner=dask", beam_options=[f"--dask_client_address={address}"])
    assert contents(tmp_path / "out") == expected


def test_two_processes_that_are_stopped_again_and_again(tmp_path, expected):
    """The machine goes down, or the program alone is killed: its workers then end a little later; Ctrl-C."""
    generator = random.Random(0)
    output = tmp_path / "out"
    arguments = processes.flags(source=datasets.esc50(), output=output, num_shards=NUM_SHARDS, num_workers=2)
    seen = set()

    def shards():
        return list(output.glob("*.tfrecord"))

    for stop in (
        processes.Program.kill_all,
        processes.Program.kill,
        lambda program: program.send_signal(signal.SIGINT),
        processes.Program.kill_all,
    ):
        before = len(shards())
        program = processes.Program(MODULE, *arguments)
        processes.wait_until(lambda before=before: len(shards()) > before, program)
        time.sleep(generator.uniform(0, 0.2))
        stop(program)
        assert program.wait(30) in (-signal.SIGKILL, 130)
        there = {path.name: path.read_bytes() for path in shards()}
        assert there.items() <= expected.items()  # whatever has its name is whole
        seen.add(len(there))
    assert len(seen) > 2  # it was stopped at work, and went on
    prepare(output, "--num_workers=2")
    assert contents(output) == expected
