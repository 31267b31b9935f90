"""The resumable grid: rows x evaluations x splits x seeds -> a result per cell -> a table or curves.

A study is its rows, its cells, the settings that decide their results, a function that evaluates a cell, and one that
reports on all results. What has a result is never computed again: a study can be stopped at any time, and extended by
more cells.
"""

import contextlib
import dataclasses
import datetime
import os
import platform
import time
from typing import Any, Callable, Dict, Iterator, Sequence

import audioset_triplet
from audioset_triplet import files, settings
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation.table import Cell, CellResult, Measurement, Row
from audioset_triplet.studies import cells, progress

Results = Dict[Cell, CellResult]

_MOST_REPORTING = 0.1  # share of the time
FORMAT = 2  # of the files; 1: results lay beside the networks


@dataclasses.dataclass(frozen=True)
class Study:
    """A grid of cells in a folder."""

    output: str
    kind: str  # names the study in messages: table, curve
    rows: Sequence[Row]
    cells: Sequence[Cell]  # to compute, in this order
    settings: Dict[str, Any]  # decide the results; nested, as JSON; they can be extended but not changed
    evaluate: Callable[[Cell], Measurement]
    report: Callable[[Results, Dict[str, Any]], None]  # all results of the folder and all of its settings -> files


def fill(study: Study) -> Results:
    """Computes the cells that have no result yet, and reports on them; returns all results of the folder.

    A report follows each cell, but for cells that take less time than ten reports: then it follows some of them, and
    the last one.

    Raises:
        UserError: the folder holds a study with other settings, another process works on it, or what the evaluation of
            a cell raises, with the name of the cell.
    """
    with held_alone(study.output, study.kind):
        known = extended_settings(study)
        files.write_json(_settings_path(study.output), known)
        results = cells.read_results(study.output)
        todo = [cell for cell in study.cells if cell not in results]
        started, reporting = time.monotonic(), 0.0
        print(f"{study.output}: {len(study.cells) - len(todo)} of {len(study.cells)} cells are done", flush=True)
        for index, cell in enumerate(todo, start=1):
            results[cell] = _result(study, cell)
            cells.write_result(study.output, results[cell])
            elapsed = time.monotonic() - started
            if reporting <= _MOST_REPORTING * elapsed or index == len(todo):
                study.report(results, known)
                reporting += time.monotonic() - started - elapsed
            elapsed, left = time.monotonic() - started, progress.expected_seconds(todo[index:], results, study.rows)
            print(
                f"{progress.describe(results[cell])}; {index} of {len(todo)}, {progress.duration(elapsed)} elapsed, "
                f"{progress.remaining(left)}",
                flush=True,
            )
        if not todo:
            study.report(results, known)
        return results


def extended_settings(study: Study) -> Dict[str, Any]:
    """The settings of the folder, with what this study adds to them.

    Raises:
        UserError: the folder holds a study with other settings.
    """
    path = _settings_path(study.output)
    before = {"format": 1, **files.read_json_object(path)} if os.path.exists(path) else {}
    now = {"format": FORMAT, **study.settings}
    return settings.extended(f"{study.output} holds a {study.kind} with other settings", before, now)


@contextlib.contextmanager
def held_alone(output: str, kind: str) -> Iterator[None]:
    """Holds the folder of a study: its rows share folders that have one writer.

    Raises:
        UserError: another process holds it, or this one is one of several workers.
    """
    from audioset_triplet import distribution  # here: TensorFlow takes seconds to load

    if distribution.num_workers() > 1:
        raise UserError(f"one process makes a {kind}, not the workers of TF_CONFIG: unset it; several GPUs do work.")
    os.makedirs(output, exist_ok=True)
    with files.held_alone(output, f"works on this {kind}"):
        yield


def _settings_path(output: str) -> str:
    return os.path.join(output, "config.json")


def _result(study: Study, cell: Cell) -> CellResult:
    started = time.monotonic()
    try:
        measurement = study.evaluate(cell)
    except UserError as error:
        raise UserError(f"{cell}: {error}") from error
    seconds = round(time.monotonic() - started, 1)
    return CellResult(cell, **vars(measurement), seconds=seconds, made=_circumstances())


def _circumstances() -> Dict[str, str]:
    import tensorflow as tf  # here: it takes seconds to load, and a plan does without

    from audioset_triplet import distribution

    versions = {
        "audioset-triplet": audioset_triplet.__version__,
        "TensorFlow": tf.__version__,
        "Python": platform.python_version(),
    }
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": distribution.machine(),
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
