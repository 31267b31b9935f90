"""Runs the project's programs as a person does: in a process of their own, from the root of the repository."""

import os
import pathlib
import subprocess
import sys
from typing import List

ROOT = pathlib.Path(__file__).resolve().parents[1]


def command(module: str, **options: object) -> List[str]:
    return [sys.executable, "-m", module, *(f"--{name}={value}" for name, value in options.items())]


def start(module: str, **options: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command(module, **options),
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(module: str, **options: object) -> "subprocess.CompletedProcess[str]":
    process = start(module, **options)
    stdout, stderr = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def succeed(module: str, **options: object) -> str:
    """Runs a program that must end well; returns what it printed."""
    result = run(module, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


def fail(module: str, **options: object) -> str:
    """Runs a program that must end with exit code 1 and one clear line; returns that line."""
    result = run(module, **options)
    assert result.returncode == 1, (result.stdout, result.stderr)
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in result.stderr, result.stderr
    return lines[0]
