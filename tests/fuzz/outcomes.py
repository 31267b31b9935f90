"""What a program may do with a damaged input: take it or refuse it, in one line, and leave nothing half-written."""

import csv
import dataclasses
import glob
import os
import pathlib
import re
import subprocess
from typing import Dict, List, Set

import pyarrow.parquet as pq
import tensorflow as tf

from audioset_triplet.records import schema
from tests import processes

LIMIT_SECONDS = 120.0
_UNFINISHED = re.compile(r"\.tmp|^plan$|^\.export-")


class Fault(Exception):
    """What a program must never do, in one line."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How many of the inputs were used and how many were refused."""

    num_used: int
    num_refused: int


def run(module: str, **flags: object) -> "subprocess.CompletedProcess[str]":
    """Runs a program to its end.

    Raises:
        Fault: it hangs, ends with a code other than 0 and 1, with a traceback, or without one line that says why.
    """
    given = " ".join([module, *processes.flags(**flags)])
    try:
        result = processes.run(module, *processes.flags(**flags), timeout=LIMIT_SECONDS)
    except AssertionError as error:
        raise Fault(f"hangs: {given}") from error
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    last = " / ".join(result.stderr.strip().splitlines()[-2:])
    if "Traceback" in result.stderr + result.stdout:
        raise Fault(f"traceback: {given}: {last}")
    if result.returncode not in (0, 1):
        raise Fault(f"exit code {result.returncode}: {given}: {last}")
    if len(errors) != result.returncode:
        raise Fault(f"exit code {result.returncode} with {len(errors)} lines of error: {given}: {last}")
    return result


def refuse_leftovers(folder: pathlib.Path) -> None:
    """Raises a Fault that names an unfinished file below a folder."""
    for root, folders, names in os.walk(folder):
        for name in folders + names:
            if _UNFINISHED.search(name):
                raise Fault(f"left behind: {pathlib.Path(root, name).relative_to(folder)}")


def ids_in_records(folder: pathlib.Path) -> List[str]:
    """The clip ids of all records of a folder; raises a Fault for a damaged file."""
    ids = []
    for path in sorted(folder.glob("*.tfrecord")):
        try:
            for example in tf.data.TFRecordDataset([str(path)]).as_numpy_iterator():
                ids.append(schema.clip_from_example(example).clip_id)
        except Exception as error:
            raise Fault(f"{path.name}: damaged records are stored: {error}") from error
    return ids


def clip_ids(folder: pathlib.Path) -> List[str]:
    """The clip ids of all rows of a folder of Parquet parts; raises a Fault for a damaged part."""
    ids: List[str] = []
    for path in sorted(glob.glob(f"{glob.escape(str(folder))}/embeddings-*.parquet")):
        try:
            ids += pq.read_table(path, columns=["clip_id"])["clip_id"].to_pylist()
        except Exception as error:
            raise Fault(f"{os.path.basename(path)}: a damaged part is stored: {error}") from error
    return ids


def rejected(path: pathlib.Path) -> Dict[str, str]:
    """clip id -> reason, of a table of rejects; empty where there is none."""
    if not path.exists():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        return {row["clip_id"]: row["reason"] for row in csv.DictReader(file)}


def require_all(given: Set[str], used: Set[str], refused: Set[str]) -> None:
    """Raises a Fault unless every input is either used or refused."""
    if used & refused:
        raise Fault(f"both used and refused: {sorted(used & refused)[0]!r}")
    if given - used - refused:
        raise Fault(f"neither used nor refused: {sorted(given - used - refused)[0]!r}")
    if (used | refused) - given:
        raise Fault(f"was never given: {sorted((used | refused) - given)[0]!r}")
