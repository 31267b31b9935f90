"""What every program says of itself: its docstring, its flags with their help, and all that --help shows."""

import ast
import functools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Dict, List, NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[1]
TREES = ("audioset_triplet", "data_prep", "experiments")
MAIN = 'if __name__ == "__main__":'

# Programs share the names of their flags, so that each is run in a process of its own: a fork of one that has what they
# import. TensorFlow is not among that, and cannot be imported.
_DESCRIBE = """
import json, os, runpy, sys
import data_prep, apache_beam, h5py, jinja2, joblib, numpy, PIL.Image, pyarrow.parquet, scipy.signal, soundfile, soxr
import data_prep.audioset, data_prep.folder, data_prep.prepare
from absl import app, flags
from audioset_triplet import command_line, presets
app.define_help_flags()
for module in sys.argv[1:]:
    if os.fork() == 0:
        for descriptor, name in enumerate(("stdout", "stderr"), 1):
            os.dup2(os.open(f"{module}.{name}", os.O_WRONLY | os.O_CREAT), descriptor)
        before, sys.argv[1:] = set(flags.FLAGS), ["--help"]
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            exit_code = end.code
        own = {name: flags.FLAGS[name] for name in flags.FLAGS if name not in before}
        helps = {name: flag.help for name, flag in own.items()}
        choices = {name: flag.enum_values for name, flag in own.items() if hasattr(flag, "enum_values")}
        with open(f"{module}.json", "w") as file:
            json.dump([helps, choices, exit_code], file)
        sys.stdout.flush()
        os._exit(0)  # freeing what it shares with the others takes longer than its work
    assert os.wait()[1] == 0, module
"""


class Program(NamedTuple):
    """One program."""

    doc: str
    flags: Dict[str, str]  # name -> help
    choices: Dict[str, List[str]]  # of the flags that have choices
    exit_code: int  # of --help
    stdout: str
    stderr: str


def modules() -> List[str]:
    """The names of all programs, such as experiments.embed."""
    paths = [path for tree in TREES for path in sorted((ROOT / tree).rglob("*.py"))]
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths if f"\n{MAIN}\n" in path.read_text()
    ]


@functools.cache
def described() -> Dict[str, Program]:
    """Every program, by its module."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "tensorflow.py").write_text("raise ImportError('too early')")
        environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
        subprocess.run([sys.executable, "-c", _DESCRIBE, *modules()], cwd=folder, check=True, env=environment)
        return {module: _read(folder, module) for module in modules()}


def _read(folder: pathlib.Path, module: str) -> Program:
    doc = ast.get_docstring(ast.parse((ROOT / module.replace(".", "/")).with_suffix(".py").read_text()), clean=False)
    values = json.loads((folder / f"{module}.json").read_text())
    texts = ((folder / f"{module}.{name}").read_text() for name in ("stdout", "stderr"))
    return Program(doc or "", *values, *texts)
