"""Runs the project's programs as a person does: in a process of their own."""

import os
import pathlib
import subprocess
import sys
from typing import Dict, List

ROOT = pathlib.Path(__file__).resolve().parents[1]


def command(module: str, *arguments: object) -> List[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def environment() -> Dict[str, str]:
    """What a program finds: the checkout, no GPU, and not how loud the tests asked TensorFlow to be."""
    inherited = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    return {**inherited, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}


def flags(**options: object) -> List[str]:
    return [f"--{name}={value}" for name, value in options.items()]


def start(module: str, *arguments: object) -> "subprocess.Popen[bytes]":
    """The same in the background, silently, to be killed."""
    return subprocess.Popen(
        command(module, *arguments), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def run(module: str, *arguments: object, timeout: float = 240) -> "subprocess.CompletedProcess[str]":
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
