"""What a study says of its progress, and how long the rest may take."""

import datetime
import statistics
from typing import Mapping, Optional, Sequence

from audioset_triplet.evaluation.table import Cell, CellResult, Row

MEASURES_SHOWN = ("map", "accuracy")


def expected_seconds(todo: Sequence[Cell], results: Mapping[Cell, CellResult], rows: Sequence[Row]) -> Optional[float]:
    """The time that similar cells took so far: the same task of a row that is trained too, or that is not either.

    A task that no such row has finished counts as the fastest that one has: only a row's first task includes its
    training.

    Returns:
        None where there is a network to train and none has been trained yet.
    """
    is_trained = {row.name: row.steps is not None for row in rows}
    seconds = 0.0
    for cell in todo:
        similar = [other for other in results if is_trained.get(other.row) == is_trained[cell.row]]
        same_task = [results[other].seconds for other in similar if other.task == cell.task]
        if is_trained[cell.row] and not similar:
            return None
        if same_task:
            seconds += statistics.fmean(same_task)
        else:
            seconds += min(results[other].seconds for other in similar or results)
    return seconds


def describe(result: CellResult) -> str:
    """The cell, its headline numbers and its time."""
    means = {name: statistics.fmean(values) for name, values in result.values.items()}
    shown = [f"{name} {value:.3f}" for name, value in means.items() if name.split("/")[-1] in MEASURES_SHOWN]
    return f"{result.cell}: {', '.join(shown)} ({duration(result.seconds)})"


def remaining(seconds: Optional[float]) -> str:
    """`expected_seconds` as text."""
    return "about " + duration(seconds) + " to go" if seconds is not None else "networks to train"


def duration(seconds: float) -> str:
    """h:mm:ss"""
    return str(datetime.timedelta(seconds=round(seconds)))
