"""Shards are done once each, by one process or several, and again where they were not done to their end."""

import dataclasses
import os
import pty
import re
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import soundfile

from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.errors import UserError
from audioset_triplet.jobs import gpus, runner
from tests import processes
from tests.jobs import numbers

LISTS = [[1, 2, 3], [4], [5, 6], [7]]


def run(root, *lists, num_workers=1, **options):
    job, shards = numbers.job(root), numbers.shards(*lists)
    with job.folder.held():
        job.folder.make()
        todo = [shard for shard in shards if not job.folder.is_done(shard.name, shard.digest)]
        num_before = sum(map(len, shards)) - sum(map(len, todo))
        runner.run(job, todo, RunnerConfig(num_workers=num_workers, **options), num_before=num_before)


@pytest.mark.parametrize(
    "options", [dict(num_workers=1), dict(num_workers=2), dict(runner="FnApiRunner")], ids=["one", "two", "beam"]
)
def test_every_shard_is_done_once(tmp_path, options):
    run(tmp_path / "out", *LISTS, **options)
    assert numbers.squares(tmp_path / "out") == [[1, 4, 9], [16], [25, 36], [49]]
    assert len(numbers.doers(tmp_path / "out")) == 4 and not (tmp_path / "out" / "plan").exists()
    is_here = str(os.getpid()) in numbers.doers(tmp_path / "out")
    assert is_here == (options != dict(num_workers=2))
    run(tmp_path / "out", *LISTS, **options)
    assert len(numbers.doers(tmp_path / "out")) == 4
    run(tmp_path / "out", [1], *LISTS[1:], **options)
    assert numbers.squares(tmp_path / "out")[0] == [1] and len(numbers.doers(tmp_path / "out")) == 5


@pytest.mark.parametrize(
    "options", [dict(num_workers=1), dict(num_workers=2), dict(runner="FnApiRunner")], ids=["one", "two", "beam"]
)
def test_a_shard_that_fails_ends_the_job_with_one_line(tmp_path, options):
    with pytest.raises(UserError, match=r"^ArithmeticError: a number that fails$"):
        run(tmp_path / "out", [1], [numbers.FAILS], **options)
    assert not list((tmp_path / "out").rglob("tmp-*")) and not (tmp_path / "out" / "plan").exists()
    run(tmp_path / "out", [1], [2], **options)
    assert numbers.squares(tmp_path / "out") == [[1], [4]]


def test_a_worker_that_is_killed_ends_the_job_with_one_line(tmp_path):
    with pytest.raises(UserError, match="0.squares: a worker process was ended by SIGKILL .*out of memory"):
        run(tmp_path / "out", [numbers.DIES], [numbers.WAITS], num_workers=2)
    run(tmp_path / "out", [1], [2], num_workers=2)
    assert numbers.squares(tmp_path / "out") == [[1], [4]]


@pytest.mark.parametrize("num_workers", [1, 2])
def test_the_bar_moves_within_shards_and_an_interruption_says_what_is_kept(tmp_path, num_workers):
    run(tmp_path / "out", [1, 2, 3])
    program = textwrap.dedent(f"""
        import pathlib
        from audioset_triplet import errors
        from tests.jobs import numbers, test_runner
        if __name__ == "__main__":
            root, late = pathlib.Path({str(tmp_path / "out")!r}), [numbers.LATE]
            try:
                test_runner.run(root, [1, 2, 3], [4], [5, 6] + late, [7] + late, num_workers={num_workers})
            except errors.Interrupted as stop:
                print(stop)
    """)
    (tmp_path / "program.py").write_text(program)
    expected = re.compile(r"6/9 .*, 20 digits\]" if num_workers == 1 else r"7/9 .*, 30 digits\]")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, tmp_path / "program.py"],
        env=processes.environment(),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        os.close(theirs)
        shown = ""
        while not expected.search(shown):
            shown += os.read(ours, 1 << 16).decode()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[0] == "4 of 9 numbers done; the same command goes on with the others\n"
    os.close(ours)


def children(pid):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]


@pytest.mark.parametrize(
    "number, code",
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, -9, marks=pytest.mark.slow),
    ],
)
def test_a_signal_to_the_main_process_ends_its_workers_and_the_same_command_goes_on(tmp_path, number, code):
    for index in range(12):
        noise = np.random.default_rng(index).uniform(-0.5, 0.5, 16000 * 10)
        soundfile.write(tmp_path / f"{index}.flac", noise, 16000)
    flags = processes.flags(source=tmp_path, labels="none", output=tmp_path / "out", num_shards=12, num_workers=2)
    program = processes.Program("data_prep.prepare_folder", *flags)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out").glob("shards/*.tfrecord.json")):
        assert program.poll() is None and time.monotonic() < deadline, program.output()
        time.sleep(0.002)
    workers = children(program.pid)
    program.send_signal(number)
    assert program.wait(10) == code
    while any(os.path.exists(f"/proc/{worker}") for worker in workers):  # those of a killed process end a little later
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert len(workers) >= 2 and "Traceback" not in program.output()[1]
    if number != signal.SIGKILL:
        assert not (tmp_path / "out" / "plan").exists()
    result = processes.run("data_prep.prepare_folder", *flags)
    assert result.returncode == 0 and "of them from before" in result.stdout, result.stderr


def test_the_direct_runner_needs_no_beam(tmp_path):
    program = textwrap.dedent(f"""
        import pathlib, sys
        sys.modules["apache_beam"] = None  # as where it is not installed
        from tests.jobs import test_runner
        if __name__ == "__main__":
            root = pathlib.Path({str(tmp_path / "out")!r})
            test_runner.run(root, [1, 2], [3], num_workers=2)
            test_runner.run(root, [1, 2], [4], runner="dask")
    """)
    (tmp_path / "program.py").write_text(program)
    result = subprocess.run(
        [sys.executable, tmp_path / "program.py"],
        env=processes.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "UserError: this needs Apache Beam" in result.stderr and "pip install -e '.[data_prep]'" in result.stderr
    assert numbers.squares(tmp_path / "out") == [[1, 4], [9]]


@pytest.mark.parametrize(
    "value, expected", [("", []), ("0,2", ["0", "2"]), ("GPU-a, 1", ["GPU-a", "1"]), ("-1", []), ("0,-1,1", ["0"])]
)
def test_the_gpus_that_are_visible_are_those_that_cuda_sees(monkeypatch, value, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert gpus.visible() == expected


def test_each_process_claims_a_gpu_of_its_own(tmp_path):
    program = textwrap.dedent("""
        import os, sys
        from audioset_triplet.jobs import gpus
        gpus.claim()
        print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
        sys.stdin.read()
    """)
    environment = {**processes.environment(), "CUDA_VISIBLE_DEVICES": "3,5", "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", program]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    with subprocess.Popen(command, **pipes) as first:
        assert first.stdout.readline() == "3\n"
        with subprocess.Popen(command, **pipes) as second:
            assert second.stdout.readline() == "5\n"
            with subprocess.Popen(command, **pipes) as third:
                assert "each of the 2 GPUs here is in use" in third.communicate()[1]
        with subprocess.Popen(command, **pipes) as fourth:  # that of the second is free again
            assert fourth.stdout.readline() == "5\n"


def test_no_more_processes_than_gpus(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    on_gpus = dataclasses.replace(numbers.job(tmp_path), uses_gpu=True)
    workers = [runner.processes.Workers(RunnerConfig(num_workers=number), (), 8) for number in (0, 1, 2, 3)]
    assert [one.number(on_gpus) for one in workers[:3]] == [2, 1, 2]
    assert workers[3].number(numbers.job(tmp_path)) == 3
    with pytest.raises(UserError, match="--num_workers=3: each process needs its own GPU, and 2 are here"):
        workers[3].number(on_gpus)
