"""The two sets of libraries that the project runs on, which setup.py chooses by the version of Python.

    lane        Python          TensorFlow  Keras                 tensorflow-io, tensorflow-addons
    reference   3.9 to 3.11     2.15        2.15                  there
    current     3.12 and newer  2.21        tf-keras, of Keras 2  not there: what they do is done by `media.decoding`
                                                                  and `training.progress`

From 2.16 on TensorFlow's `tf.keras` is Keras 3 unless TF_USE_LEGACY_KERAS is set when it is first used.
`audioset_triplet` imports this module, which sets it, so that `tf.keras` is Keras 2 everywhere: in all modules of the
project, in the processes that they start, and in a script that imports TensorFlow first and does not touch
`tf.keras` before.
"""

import contextlib
import importlib.abc
import importlib.util
import os
import re
import subprocess
import sys
import types
import warnings
from typing import Any, Iterator, Optional, Tuple

VARIABLE = "TF_USE_LEGACY_KERAS"
_KERAS_3_SINCE = (2, 16)  # versions of TensorFlow
_INSTALLED = re.compile(r"(?:tensorflow(?:_cpu|_intel|_macos|_rocm)?|tf_nightly(?:_cpu)?)-(\d+)\.(\d+)[^-]*\.dist-info")
# What TensorFlow 2.21 writes to stderr whatever TF_CPP_MIN_LOG_LEVEL says: how it was compiled, that there is no GPU.
_NOTES = "^I0000 |^WARNING: All log messages before absl::InitializeLog"


def _tensorflow_version() -> Optional[Tuple[int, int]]:
    """The (major, minor) version that is installed, from the name of the folder with its metadata; None: unknown.

    To import TensorFlow takes seconds, and `importlib.metadata` as long as all else of `--help`.
    """
    spec = importlib.util.find_spec("tensorflow")
    for folder in (spec and spec.submodule_search_locations) or ():
        for name in os.listdir(os.path.dirname(folder)):
            match = _INSTALLED.fullmatch(name)
            if match:
                return int(match[1]), int(match[2])
    return None


def _is_reference() -> bool:
    version = _tensorflow_version()
    return sys.version_info < (3, 12) if version is None else version < _KERAS_3_SINCE


IS_REFERENCE = _is_reference()
LANE = "reference" if IS_REFERENCE else "current"


def description() -> str:
    """One line: the lane, and the versions that make it."""
    python = ".".join(map(str, sys.version_info[:3]))
    return f"{LANE} lane: Python {python}, TensorFlow {'.'.join(map(str, _tensorflow_version() or ('unknown',)))}"


def _choose_keras_2() -> None:
    os.environ[VARIABLE] = "1"
    if importlib.util.find_spec("tf_keras") is None:
        raise ImportError(
            "this version of TensorFlow has Keras 3, and audioset_triplet needs Keras 2: install the tf-keras of the "
            "same version (pip install -c constraints-current.txt -e . does)."
        )
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None and not tensorflow.keras.Model.__module__.startswith("tf_keras."):
        raise ImportError(
            "tf.keras was used before audioset_triplet was imported and is Keras 3, and audioset_triplet needs Keras "
            f"2: import audioset_triplet first, or set {VARIABLE}=1."
        )


if IS_REFERENCE:
    os.environ.pop(VARIABLE, None)  # as from a process of the other lane: here it would ask for a tf-keras
else:
    _choose_keras_2()


def tensorflow_io() -> Optional[types.ModuleType]:
    """tensorflow-io, or None in the current lane, whose Pythons it has no release for."""
    if not IS_REFERENCE:
        return None
    import tensorflow_io

    return tensorflow_io


def tensorflow_addons() -> Optional[types.ModuleType]:
    """tensorflow-addons, or None in the current lane, whose Pythons it has no release for."""
    if not IS_REFERENCE:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is no longer developed; its version is pinned
        import tensorflow_addons
    return tensorflow_addons


def quiet_tensorflow() -> None:
    """Makes TensorFlow log nothing, when it is imported later, but what a person has to know."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if not IS_REFERENCE and "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _QuietImport("tensorflow", _NOTES))


class _QuietImport(importlib.abc.MetaPathFinder):
    """Drops lines of stderr while a module is imported for the first time."""

    def __init__(self, module: str, lines: str) -> None:
        """
        Args:
            module: its name.
            lines: extended regular expression.
        """
        self._module, self._lines = module, lines

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if fullname != self._module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_quietly(module: types.ModuleType) -> None:
                with _lines_dropped(self._lines):
                    load(module)

            spec.loader.exec_module = load_quietly  # type: ignore[method-assign]
        return spec


@contextlib.contextmanager
def _lines_dropped(lines: str) -> Iterator[None]:
    """Passes stderr, of the whole process, through grep: it also passes on the last words of a process that dies."""
    try:
        kept = os.dup(2)
        grep = subprocess.Popen(["grep", "--line-buffered", "-vE", lines], stdin=subprocess.PIPE, stdout=kept)
    except OSError:  # no stderr, or no grep: nothing is dropped
        yield
        return
    assert grep.stdin is not None
    os.dup2(grep.stdin.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        grep.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # a process that another thread started holds the pipe too
            grep.wait(timeout=1)
