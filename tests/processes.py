"""Runs the project's programs as a person does: in a process of their own."""

import os
import pathlib
import subprocess
import sys
from typing import List

ROOT = pathlib.Path(__file__).resolve().parents[1]


def command(module: str, *arguments: object) -> List[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def environment() -> dict:
    return {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}


def run(module: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """`python -m module --arguments`, to its end, with its output as text."""
    return subprocess.run(
        command(module, *arguments), env=environment(), capture_output=True, text=True, timeout=240, check=False
    )


def error_of(result: "subprocess.CompletedProcess[str]") -> str:
    """The one line that a program says on a bad input; fails if it was another exit code, or a traceback."""
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.stderr
    assert result.stderr.rstrip().endswith(lines[0])
    return lines[0]
