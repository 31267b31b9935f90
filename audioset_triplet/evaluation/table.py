"""The table of the paper: results of single cells -> means over runs, recovery, and what is still missing.

Every row is wanted on every split of the table; one row may have been run with more seeds than another.

Recovery is how much of the way from the log-mel input to the supervised topline a method goes without labels:
(method - log-mel) / (topline - log-mel), of the means over runs. Jansen et al. 2018, abstract: the embeddings recover
41% and 84% of the performance of the supervised ones; that this is how the paper computes it is inferred.
"""

import dataclasses
import statistics
from typing import Any, Dict, Iterable, List, Optional, Sequence

from audioset_triplet.errors import UserError
from audioset_triplet.evaluation.cells import Cell, Result, Row

BASELINE, TOPLINE, JOINT = "log_mel", "topline", "joint"
PUBLISHED_RECOVERY = {"retrieval": 0.41, "classification": 0.84}  # of the joint model, on AudioSet (abstract)


@dataclasses.dataclass(frozen=True)
class Mean:
    """A number of the table."""

    mean: float
    std: Optional[float]  # sample standard deviation (n - 1); None for a single value
    num_values: int  # runs, times trials where a task has several
    num_runs: int
    num_runs_wanted: int


class Table:
    """The results so far.

    Args:
        rows: in the order in which they are shown.
        asked: cells that somebody asked for; they are missing until they have a result.
        results: of finished cells, of any of the rows.

    Raises:
        UserError: two results of one split are about different clips.
    """

    def __init__(self, rows: Sequence[Row], asked: Iterable[Cell], results: Iterable[Result]) -> None:
        found = {result.cell: result for result in results}
        self.rows = list(rows)
        self.wanted = _wanted(self.rows, [*asked, *found])
        self.results = {cell: found[cell] for cell in self.wanted if cell in found}
        self.missing = [cell for cell in self.wanted if cell not in self.results]
        _require_same_clips(self.results.values())

    @property
    def splits(self) -> List[str]:
        return list(dict.fromkeys(cell.split for cell in self.wanted))

    def measures(self, task: str) -> List[str]:
        """What the task measures, in the order in which its results name them."""
        found = (result.values for cell, result in self.results.items() if cell.task == task)
        return list(dict.fromkeys(measure for values in found for measure in values))

    def results_of(self, row: str, task: str) -> List[Result]:
        cells = (cell for cell in self.wanted if (cell.row, cell.task) == (row, task))
        return [self.results[cell] for cell in cells if cell in self.results]

    def mean(self, row: str, task: str, measure: str) -> Optional[Mean]:
        """Over splits, seeds and trials; None where no run has this measure."""
        results = [result for result in self.results_of(row, task) if measure in result.values]
        values = [value for result in results for value in result.values[measure]]
        if not values:
            return None
        return Mean(
            mean=statistics.fmean(values),
            std=statistics.stdev(values) if len(values) > 1 else None,
            num_values=len(values),
            num_runs=len(results),
            num_runs_wanted=sum((cell.row, cell.task) == (row, task) for cell in self.wanted),
        )

    def recovery(self, row: str, task: str, measure: str = "map") -> Optional[float]:
        """Recovery of the means; None where it is undefined, or where the three rows are not of the same splits."""
        splits = {name: {result.cell.split for result in self.results_of(name, task)} for name in (row, *_ENDS)}
        means = [self.mean(name, task, measure) for name in (row, *_ENDS)]
        if any(found != splits[row] for found in splits.values()) or None in means:
            return None
        return recovery(*(one.mean for one in means if one))

    def class_gains(self, row: str, task: str) -> Dict[str, float]:
        """Class title -> average precision of the row minus that of the baseline, both means over runs."""
        ours, theirs = (self._class_means(name, task) for name in (row, BASELINE))
        return {title: ours[title] - theirs[title] for title in ours if title in theirs}

    def _class_means(self, row: str, task: str) -> Dict[str, float]:
        values: Dict[str, List[float]] = {}
        for result in self.results_of(row, task):
            for title, value in result.class_average_precision.items():
                values.setdefault(title, []).append(value)
        return {title: statistics.fmean(found) for title, found in values.items()}

    def numbers(self) -> Dict[str, Any]:
        """Everything, for table.json; times are kept apart, since they alone differ from one machine to another."""
        return {
            "complete": not self.missing,
            "missing": [str(cell) for cell in self.missing],
            "published_recovery": PUBLISHED_RECOVERY,
            "rows": [self._row_numbers(row) for row in self.rows],
            "cells": [_without_times(result) for result in self.results.values()],
            "timing": {str(cell): result.seconds for cell, result in self.results.items()},
        }

    def _row_numbers(self, row: Row) -> Dict[str, Any]:
        measures = [(task, measure) for task in row.tasks for measure in self.measures(task)]
        means = {f"{task}/{measure}": self.mean(row.name, task, measure) for task, measure in measures}
        return {
            "name": row.name,
            "title": row.title,
            "beyond_paper": row.beyond_paper,
            "means": {name: dataclasses.asdict(mean) for name, mean in means.items() if mean},
            "recovery": {
                f"{task}/{measure}": self.recovery(row.name, task, measure)
                for task, measure in measures
                if measure.split("/")[-1] == "map" and row.name not in _ENDS
            },
        }


_ENDS = (BASELINE, TOPLINE)


def recovery(method: float, baseline: float, topline: float) -> Optional[float]:
    """(method - baseline) / (topline - baseline); None where the topline is not above the baseline."""
    return (method - baseline) / (topline - baseline) if topline > baseline else None


def _wanted(rows: Sequence[Row], known: Sequence[Cell]) -> List[Cell]:
    """All tasks of every row, on every split that any row knows, with the seeds that are known of the row."""
    splits = sorted({cell.split for cell in known}, key=lambda name: (len(name), name))  # fold2 before fold10
    seeds = {
        row.name: sorted({cell.seed for cell in known if cell.row == row.name and cell.seed is not None})
        for row in rows
    }
    first_seed = min((seed for found in seeds.values() for seed in found), default=0)
    return [
        Cell(split, seed, row.name, task)
        for split in splits
        for row in rows
        for seed in ([None] if not row.has_seed else seeds[row.name] or [first_seed])
        for task in row.tasks
    ]


def _require_same_clips(results: Iterable[Result]) -> None:
    first: Dict[str, Result] = {}
    for result in results:
        other = first.setdefault(result.cell.split, result)
        if other.clips_digest != result.clips_digest:
            raise UserError(
                f"{other.cell} evaluated {other.num_clips} clips and {result.cell} other ones ({result.num_clips}): "
                "their numbers do not compare; remove the folder of the one that is wrong."
            )


def _without_times(result: Result) -> Dict[str, Any]:
    values = {**dataclasses.asdict(result), "cell": str(result.cell)}
    del values["seconds"], values["made"]
    return values
