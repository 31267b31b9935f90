"""Runs the project's programs as a person does: in a process of their own."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import IO, Dict, List, Union

ROOT = pathlib.Path(__file__).resolve().parents[1]


def command(module: str, *arguments: object) -> List[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def environment() -> Dict[str, str]:
    """What a program finds: the checkout, no GPU, and not how loud the tests asked TensorFlow to be."""
    inherited = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    return {**inherited, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}


def flags(**options: object) -> List[str]:
    return [f"--{name}={value}" for name, value in options.items()]


def start(
    module: str, *arguments: object, output: Union[int, IO[bytes]] = subprocess.DEVNULL
) -> "subprocess.Popen[bytes]":
    """The same in the background, to be killed; what it says goes to a file, or nowhere."""
    return subprocess.Popen(
        command(module, *arguments),
        env=environment(),
        stdout=output,
        stderr=subprocess.STDOUT,
        # A shell lets its background jobs, and so what they start, ignore SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def stop_when_there(module: str, *arguments: object, path: pathlib.Path, signal_number: int) -> int:
    """Starts a program, waits for a file that it writes, stops it, and returns its exit code.

    Fails with what the program said if it ended on its own.
    """
    with tempfile.TemporaryFile() as output:
        process = start(module, *arguments, output=output)
        while not path.exists() and process.poll() is None:
            time.sleep(0.02)
        if process.poll() is not None:
            output.seek(0)
            raise AssertionError(f"{module} ended with exit code {process.returncode}:\n{output.read().decode()}")
        process.send_signal(signal_number)
        return process.wait()


def run(module: str, *arguments: object, timeout: float = 480) -> "subprocess.CompletedProcess[str]":
    """`python -m module --arguments`, to its end, with its output as text."""
    return subprocess.run(
        command(module, *arguments), env=environment(), capture_output=True, text=True, timeout=timeout, check=False
    )


def error_of(result: "subprocess.CompletedProcess[str]") -> str:
    """The one line that a program says on stderr on a bad input; fails if it says more, or exits with another code."""
    assert result.returncode == 1, result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), result.stderr
    return lines[0]


def start_workers(num_workers: int, module: str, *arguments: object) -> "List[subprocess.Popen[str]]":
    """Starts a program as all workers of a cluster on this machine, whose stderr are pipes."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(num_workers)]
        for one in sockets:
            one.bind(("localhost", 0))
        workers = [f"localhost:{one.getsockname()[1]}" for one in sockets]
    running = []
    for index in range(num_workers):
        cluster = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        started = subprocess.Popen(
            command(module, *arguments),
            env={**environment(), "TF_CONFIG": json.dumps(cluster)},
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(started)
    return running


def run_workers(num_workers: int, module: str, *arguments: object, timeout: float = 240) -> None:
    """Runs a program as all workers of a cluster to its end; fails with what one said that did not exit with 0."""
    running = start_workers(num_workers, module, *arguments)
    try:
        errors = [process.communicate(timeout=timeout)[1] for process in running]
        assert all(process.returncode == 0 for process in running), "\n".join(errors)
    finally:
        for process in running:
            process.kill()
