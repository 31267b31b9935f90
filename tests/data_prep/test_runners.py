"""The same bytes from every runner, and from runs that were killed."""

import contextlib
import os
import random
import signal
import subprocess
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


def test_two_processes(tmp_path, expected):
    prepare(tmp_path / "out", "--num_workers=2")
    assert contents(tmp_path / "out") == expected


def test_a_dask_cluster(tmp_path, expected):
    with dask_cluster.running(tmp_path / "scratch") as address:
        prepare(tmp_path / "out", "--runner=dask", beam_options=[f"--dask_client_address={address}"])
    assert contents(tmp_path / "out") == expected


def test_killed_at_ten_random_moments(tmp_path, expected):
    generator = random.Random(0)
    output = tmp_path / "out"
    arguments = processes.flags(source=datasets.esc50(), output=output, num_shards=NUM_SHARDS, num_workers=2)
    seen = set()
    for attempt in range(10):
        process = subprocess.Popen(
            processes.command(MODULE, *arguments),
            env=processes.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        shards_before = len(list(output.glob("*.tfrecord")))
        deadline = time.monotonic() + 120
        while len(list(output.glob("*.tfrecord"))) == shards_before < 4 * NUM_SHARDS and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(generator.uniform(0, 0.2))
        # The machine goes down, or only the program: its workers then end a little later.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL) if attempt % 2 else process.kill()
        process.wait()
        there = {path.name: path.read_bytes() for path in output.glob("*.tfrecord")}
        assert there.items() <= expected.items()  # whatever has its name is whole
        seen.add(len(there))
    assert len(seen) > 2  # it was killed at work, and went on
    prepare(output, "--num_workers=2")
    assert contents(output) == expected
