"""One process per table."""

import json
import os
import signal
import subprocess
import sys

import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.studies.jansen2018 import lock
from tests import processes, tiny_records

HOLDER = """
import sys, time
from audioset_triplet.studies.jansen2018 import lock

with lock.alone(sys.argv[1]):
    print('held', flush=True)
    time.sleep(600)
"""


def test_a_lock_is_held_by_one_process_and_released_when_it_is_killed(tmp_path):
    table = str(tmp_path / "table")
    command = [sys.executable, "-c", HOLDER, table]
    with subprocess.Popen(command, cwd=processes.ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "held\n"
            with pytest.raises(UserError, match="table: another process is at work on this table"), lock.alone(table):
                pass
        finally:
            os.kill(process.pid, signal.SIGKILL)
    with lock.alone(table):
        pass


def test_several_workers_are_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": ["a:1", "b:1"]}}))
    with pytest.raises(UserError, match="not by the workers of TF_CONFIG"), lock.alone(str(tmp_path / "table")):
        pass
    assert not (tmp_path / "table").exists()


@pytest.mark.slow
def test_the_program_leaves_a_table_alone_that_another_process_works_on(tmp_path):
    data = tiny_records.write(tmp_path / "clips.tfrecord", tiny_records.make_clips(4, 2))
    flags = processes.flags(data=data, output=tmp_path / "table")
    with lock.alone(str(tmp_path / "table")):
        line = processes.error_of(processes.run("experiments.reproduce_jansen2018", *flags))
    assert "another process is at work on this table" in line
    assert [path.name for path in (tmp_path / "table").iterdir()] == []
