"""What every program says of itself: its docstring, and its flags with their help. No TensorFlow is loaded for it."""

import functools
import json
import pathlib
import subprocess
import sys
from typing import Dict, List, NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[1]
TREES = ("audioset_triplet", "data_prep", "experiments")
MAIN = 'if __name__ == "__main__":'

# Programs share the names of their flags, so that each is imported in a process of its own: a fork of one.
_DESCRIBE = """
import importlib, json, os, sys
import data_prep, apache_beam, joblib, numpy, pyarrow.parquet, scipy.signal, soundfile, soxr  # once, not in each fork
from absl import flags
from audioset_triplet import command_line, config
for module in sys.argv[1:]:
    if os.fork() == 0:
        before = set(flags.FLAGS)
        text = importlib.import_module(module).__doc__
        own = {name: flags.FLAGS[name] for name in flags.FLAGS if name not in before}
        helps = {name: flag.help for name, flag in own.items()}
        choices = {name: flag.enum_values for name, flag in own.items() if hasattr(flag, "enum_values")}
        os.write(1, (json.dumps([module, text, helps, choices]) + "\\n").encode())
        os._exit(0)
    assert os.wait()[1] == 0, module
"""


class Program(NamedTuple):
    """One program."""

    doc: str
    flags: Dict[str, str]  # name -> help
    choices: Dict[str, List[str]]  # of the flags that have choices


def modules() -> List[str]:
    """The names of all programs, such as experiments.embed."""
    paths = [path for tree in TREES for path in sorted((ROOT / tree).rglob("*.py"))]
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths if f"\n{MAIN}\n" in path.read_text()
    ]


@functools.cache
def described() -> Dict[str, Program]:
    """Every program, by its module."""
    command = [sys.executable, "-c", _DESCRIBE, *modules()]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {module: Program(*texts) for module, *texts in map(json.loads, output.splitlines())}
