"""The table of the paper: results of single cells -> means over runs, recovery, and what is still missing.

Every row is wanted on every split of the table; one row may have been run with more seeds than another.

Recovery is how much of the way from the log-mel input to the supervised topline a method goes without labels:
(method - log-mel) / (topline - log-mel). Jansen et al. 2018, abstract: the embeddings recover 41% and 84% of the
performance of the supervised ones; that this is how the paper computes it is inferred.

What compares rows (recovery, gains of classes) takes the mean of each row over its runs on a split, then the mean over
the splits that these rows have in common: more seeds on one split than on another weigh nothing.
"""

import dataclasses
import statistics
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from audioset_triplet.errors import UserError
from audioset_triplet.studies.cells import TASKS, Cell, Result, Row

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
        rows: in the order in which they are shown; a row also has the tasks that it has results of.
        asked: cells that somebody asked for; they are missing until they have a result.
        results: of finished cells, of any of the rows.

    Raises:
        UserError: two results of one split are about different clips.
    """

    def __init__(self, rows: Sequence[Row], asked: Iterable[Cell], results: Iterable[Result]) -> None:
        found = {result.cell: result for result in results}
        self.rows = [_with_tasks_of(row, found) for row in rows]
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
        """Recovery over the splits of all three rows; None where it is undefined, or where there is no such split."""
        means = _comparable_means(
            [(result.cell.split, result.values.get(measure, [])) for result in self.results_of(name, task)]
            for name in (row, *_ENDS)
        )
        return recovery(*means) if means else None

    def class_gains(self, row: str, task: str) -> Dict[str, float]:
        """Class title -> average precision of the row minus that of the baseline, over the splits of both rows."""
        results = [self.results_of(name, task) for name in (row, BASELINE)]
        gains = {}
        for title in dict.fromkeys(title for result in results[0] for title in result.class_average_precision):
            means = _comparable_means(
                [
                    (result.cell.split, [result.class_average_precision[title]])
                    for result in several
                    if title in result.class_average_precision
                ]
                for several in results
            )
            if means:
                gains[title] = means[0] - means[1]
        return gains

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
                if measure.split("/")[-1] == "map" and has_recovery(row)
            },
        }


_ENDS = (BASELINE, TOPLINE)


def has_recovery(row: Row) -> bool:
    """Whether recovery says something of a row: an embedding, and neither end of the scale."""
    return row.is_embedding and row.name not in _ENDS


def recovery(method: float, baseline: float, topline: float) -> Optional[float]:
    """(method - baseline) / (topline - baseline); None where the topline is not above the baseline."""
    return (method - baseline) / (topline - baseline) if topline > baseline else None


def _comparable_means(rows: Iterable[Iterable[Tuple[str, Sequence[float]]]]) -> List[float]:
    """The mean of each row, of what its runs found on each split, over the splits of all rows; empty without any."""
    of_rows = []
    for runs in rows:
        values: Dict[str, List[float]] = {}
        for split, found in runs:
            values.setdefault(split, []).extend(found)
        of_rows.append({split: statistics.fmean(found) for split, found in values.items() if found})
    common = sorted(set.intersection(*map(set, of_rows)))
    return [statistics.fmean(means[split] for split in common) for means in of_rows] if common else []


def _with_tasks_of(row: Row, found: Iterable[Cell]) -> Row:
    tasks = {*row.tasks, *(cell.task for cell in found if cell.row == row.name)}
    return dataclasses.replace(row, tasks=tuple(task for task in TASKS if task in tasks))


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
