"""Runs the project's programs as a person does: in a process of their own.

Importing TensorFlow and its like takes most of the time of a program that works on a few records. So the process is,
unless a test says otherwise, a fork of one that has these libraries (tests/preloaded.py) and none of the project's
modules but `compat`, which comes before them: the fork server of the standard library.
"""

import atexit
import contextlib
import json
import multiprocessing
import multiprocessing.connection
import os
import pathlib
import random
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]

_FORK_SERVER = multiprocessing.get_context("forkserver")
_FORK_SERVER.set_forkserver_preload(["tests.preloaded"])

# Starting a process asks for the exit codes of all others too, and of two threads that ask for one only one gets it.
_ONE_AT_A_TIME = threading.RLock()

_STREAMS = {1: "stdout", 2: "stderr"}  # file descriptor -> name of its file


def command(module: str, *arguments: object) -> List[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def environment() -> Dict[str, str]:
    """What a program finds: the checkout, no GPU, and not how loud the tests asked TensorFlow to be."""
    inherited = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    return {**inherited, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}


def flags(**options: object) -> List[str]:
    return [f"--{name}={value}" for name, value in options.items()]


class Program:
    """A program that runs in the background, with its output in files; used like a `subprocess.Popen`."""

    def __init__(self, module: str, *arguments: object, **variables: str) -> None:
        """Starts `python -m module arguments`, with these environment variables over those of `environment()`."""
        self.name = module
        self._folder = tempfile.TemporaryDirectory()
        for name in _STREAMS.values():
            pathlib.Path(self._folder.name, name).touch()
        self._process = _FORK_SERVER.Process(
            target=_run, args=(module, [*map(str, arguments)], {**environment(), **variables}, self._folder.name)
        )
        with _ONE_AT_A_TIME:
            self._process.start()
        atexit.register(self._process.kill)  # else the tests would wait for it at their end

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> Optional[int]:
        return self.poll()

    def poll(self) -> Optional[int]:
        with _ONE_AT_A_TIME:
            return self._process.exitcode

    def wait(self, timeout: Optional[float] = None) -> int:
        """Waits for the end and returns the exit code; kills what takes longer, and fails."""
        multiprocessing.connection.wait([self._process.sentinel], timeout)
        returncode = self.poll()
        if returncode is None:
            self.kill()
            raise AssertionError(f"{self.name} takes more than {timeout} s:\n{''.join(self.output())}")
        return returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        with _ONE_AT_A_TIME:
            self._process.kill()
            self._process.join()

    def kill_all(self) -> None:
        """Kills it together with the processes that it started, as when a machine goes down."""
        while self.poll() is None and os.getpgid(self.pid) != self.pid:  # just forked: it has no group yet
            time.sleep(0.001)
        with contextlib.suppress(ProcessLookupError):  # it has ended
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()

    def output(self) -> Tuple[str, str]:
        """What it wrote so far to stdout and to stderr."""
        stdout, stderr = (pathlib.Path(self._folder.name, name).read_text() for name in _STREAMS.values())
        return stdout, stderr


def _run(module: str, arguments: Sequence[str], variables: Dict[str, str], folder: str) -> None:
    """In the forked process: the program, and nothing that it would share with other forks."""
    for descriptor, name in _STREAMS.items():
        os.dup2(os.open(os.path.join(folder, name), os.O_WRONLY), descriptor)
    os.setpgrp()  # what it starts can be killed together with it
    os.environ.clear()
    os.environ.update(variables)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    random.seed()
    np.random.seed()
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def wait_until(is_so: Callable[[], object], program: Program, timeout: float = 120) -> None:
    """Waits until something is so or the program has ended; fails if neither comes in time."""
    deadline = time.monotonic() + timeout
    while not is_so() and program.poll() is None:
        assert time.monotonic() < deadline, "".join(program.output())
        time.sleep(0.005)


def stop_when_there(module: str, *arguments: object, path: pathlib.Path, signal_number: int) -> int:
    """Starts a program, waits for a file that it writes, stops it, and returns its exit code.

    Fails with what the program said if it ended on its own.
    """
    program = Program(module, *arguments)
    wait_until(path.exists, program, timeout=480)
    if program.poll() is not None:
        raise AssertionError(f"{module} ended with exit code {program.returncode}:\n{''.join(program.output())}")
    program.send_signal(signal_number)
    return program.wait()


def run(module: str, *arguments: object, timeout: float = 480) -> "subprocess.CompletedProcess[str]":
    """`python -m module arguments`, to its end, with its output as text."""
    program = Program(module, *arguments)
    returncode = program.wait(timeout)
    return subprocess.CompletedProcess(command(module, *arguments), returncode, *program.output())


def run_afresh(module: str, *arguments: object, timeout: float = 480) -> "subprocess.CompletedProcess[str]":
    """The same in a process that shares nothing with any other, not even the order of its sets."""
    return subprocess.run(
        command(module, *arguments),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        # A shell lets its background jobs, and so what they start, ignore SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def error_of(result: "subprocess.CompletedProcess[str]") -> str:
    """The one line that a program says on stderr on a bad input; fails if it says more, or exits with another code."""
    assert result.returncode == 1, result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), result.stderr
    return lines[0]


@contextlib.contextmanager
def held_by_another(folder: "os.PathLike[str]") -> Iterator[None]:
    """A process that holds a folder, as a program that writes there does, until the block ends."""
    code = (
        "import sys; from audioset_triplet import files\n"
        "with files.held_alone(sys.argv[1], ''): print(flush=True); sys.stdin.read()"
    )
    command_of_holder = [sys.executable, "-c", code, str(folder)]
    with subprocess.Popen(
        command_of_holder, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdin and holder.stdout
        assert holder.stdout.readline() == b"\n"
        try:
            yield
        finally:
            holder.stdin.close()


def start_workers(num_workers: int, module: str, *arguments: object) -> List[Program]:
    """Starts a program as all workers of a cluster on this machine."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(num_workers)]
        for bound in sockets:
            bound.bind(("localhost", 0))
        workers = [f"localhost:{bound.getsockname()[1]}" for bound in sockets]
    clusters = [
        {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}} for index in range(num_workers)
    ]
    return [Program(module, *arguments, TF_CONFIG=json.dumps(cluster)) for cluster in clusters]


def run_workers(num_workers: int, module: str, *arguments: object, timeout: float = 240) -> None:
    """Runs a program as all workers of a cluster to its end; fails with what one said that did not exit with 0."""
    running = start_workers(num_workers, module, *arguments)
    try:
        codes = [program.wait(timeout) for program in running]
        assert not any(codes), "\n".join(program.output()[1] for program in running)
    finally:
        for program in running:
            program.kill()
