"""The folder of an exported model: written whole, in place of an older model, and never in place of anything else."""

import contextlib
import glob
import os
import shutil
import tempfile
from typing import Iterator

from audioset_triplet.errors import UserError

RECORD = "model.json"  # what the model is, beside it
TFLITE, ONNX = "model.tflite", "model.onnx"  # of an embedding, a classifier or both
HEAD = "head.tflite"  # a head on embeddings that learns on the device
CLASSES = "classes.csv"  # of a classifier: a row for each score, in their order

_MODELS = ("saved_model.pb", TFLITE, ONNX)  # one of them says that a folder is of a model
_SCRATCH_PREFIX = ".export-"


@contextlib.contextmanager
def replacing(folder: str) -> Iterator[str]:
    """A path beside a folder, for a new folder that takes its place when the block ends.

    Raises:
        UserError: the folder holds something else than a model, or is a file.
    """
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise UserError(f"{folder} is a file, not a folder: give another --output.")
    if os.path.isdir(folder) and os.listdir(folder) and not any(_has(folder, name) for name in _MODELS):
        raise UserError(f"{folder} is not empty and holds no exported model: give another --output.")
    parent = os.path.dirname(os.path.abspath(folder))
    os.makedirs(parent, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH_PREFIX, dir=parent) as scratch:
        written = os.path.join(scratch, "new")
        yield written
        if os.path.exists(folder):
            os.rename(folder, os.path.join(scratch, "old"))
        os.rename(written, folder)


def remove_leftovers(folder: str) -> None:
    """Removes what killed exports to `folder` left beside it; to be called while no other process exports there."""
    parent = os.path.dirname(os.path.abspath(folder))
    for leftover in glob.glob(os.path.join(glob.escape(parent), f"{_SCRATCH_PREFIX}*")):
        shutil.rmtree(leftover)


def device_file(path: str) -> str:
    """The TFLite or ONNX file in the folder of a model, or `path` itself where there is none."""
    return next((os.path.join(path, name) for name in (TFLITE, ONNX) if _has(path, name)), path)


def _has(folder: str, name: str) -> bool:
    return os.path.isfile(os.path.join(folder, name))
