"""What a study says of its progress, and how long the rest may take."""

import datetime
import statistics
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

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
    of_task: Dict[Tuple[bool, str], List[float]] = {}  # whether rows are trained, and task
    for other, result in results.items():
        if other.row in is_trained:
            of_task.setdefault((is_trained[other.row], other.task), []).append(result.seconds)
    fastest = {trained: min(min(of_task[key]) for key in of_task if key[0] == trained) for trained, _ in of_task}
    fastest_of_all = min((result.seconds for result in results.values()), default=0.0)
    seconds = 0.0
    for cell in todo:
        trained = is_trained[cell.row]
        if trained and trained not in fastest:
            return None
        same_task = of_task.get((trained, cell.task))
        seconds += statistics.fmean(same_task) if same_task else fastest.get(trained, fastest_of_all)
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
