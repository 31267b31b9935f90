"""The table of a study: results of single cells -> means over runs, recovery, and the cells that are missing.

A cell is one evaluation of one row, on one split, with one seed. Every row of a table has all of its splits; one
row may have more seeds than another.

Recovery is how far a method without labels comes from the log-mel input to the supervised topline:
(method - log-mel) / (topline - log-mel). Jansen et al. 2018, abstract: the embeddings recover 41% and 84% of the
performance of the supervised ones; that this is how the paper computes it is inferred.

Recovery and gains of classes compare rows. They take the mean of each row over its runs on a split, then the mean over
the splits that these rows share: more seeds on one split than on another do not change the weight of the split.
"""

import dataclasses
import math
import statistics
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from audioset_triplet.errors import UserError

TASKS = ("retrieval", "classification", "semi_supervised", "knn")
BASELINE, TOPLINE, JOINT = "log_mel", "topline", "joint"
PUBLISHED_RECOVERY = {"retrieval": 0.41, "classification": 0.84}  # of the joint model, on AudioSet (abstract)


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of a table."""

    name: str
    title: str
    tasks: Tuple[str, ...] = TASKS  # its evaluations
    has_seed: bool = True  # False: nothing is trained before the evaluation, and there is one run per split
    beyond_paper: bool = False
    steps: Optional[int] = None  # training steps of its network; None: it is not trained

    @property
    def is_embedding(self) -> bool:
        """Whether retrieval applies to it; the other rows are classifiers."""
        return "retrieval" in self.tasks


@dataclasses.dataclass(frozen=True)
class Cell:
    """One evaluation of a row; as text the path of its result: fold4-seed0/joint/retrieval."""

    split: str
    seed: Optional[int]  # None: a row without a seed
    row: str
    task: str

    @property
    def run(self) -> str:
        """The split and the seed, which the tasks of a row share."""
        return self.split if self.seed is None else f"{self.split}-seed{self.seed}"

    def __str__(self) -> str:
        return f"{self.run}/{self.row}/{self.task}"


@dataclasses.dataclass(frozen=True)
class Measurement:
    """The numbers of one evaluation, and the clips that they are about."""

    values: Dict[str, List[float]]  # measure (map, accuracy, 5/map for five labels) -> its value in each trial
    class_average_precision: Dict[str, float]  # by class title; empty with several trials
    num_clips: int  # evaluated
    clips_digest: str  # of their ids
    details: Dict[str, Any] = dataclasses.field(default_factory=dict)  # what figures need beside the means, as JSON


@dataclasses.dataclass(frozen=True)
class CellResult:
    """The measurement of one cell, and how it was made.

    Raises:
        UserError: a value that is not finite.
    """

    cell: Cell
    values: Dict[str, List[float]]  # these four as in `Measurement`
    class_average_precision: Dict[str, float]
    num_clips: int
    clips_digest: str
    seconds: float  # of the process that finished it; the first task of a row includes its training and embedding
    made: Dict[str, str]  # date, machine and versions
    details: Dict[str, Any] = dataclasses.field(default_factory=dict)  # as in `Measurement`

    def __post_init__(self) -> None:
        for measure, values in self.values.items():
            if not all(map(math.isfinite, values)):
                raise UserError(f"{self.cell}: {measure} is {values}, which is not finite.")


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
        rows: in the order of the table; a row also gets the tasks that it has results of.
        planned: cells that are to be computed; they are missing until they have a result.
        results: of finished cells of any rows.

    Raises:
        UserError: two results of one split are about different clips.
    """

    def __init__(self, rows: Sequence[Row], planned: Iterable[Cell], results: Iterable[CellResult]) -> None:
        finished = {result.cell: result for result in results}
        self.rows = [_with_tasks_of(row, finished) for row in rows]
        self.cells = _all_cells(self.rows, [*planned, *finished])
        self.results = {cell: finished[cell] for cell in self.cells if cell in finished}
        self.missing = [cell for cell in self.cells if cell not in self.results]
        _require_same_clips(self.results.values())

    @property
    def splits(self) -> List[str]:
        return list(dict.fromkeys(cell.split for cell in self.cells))

    def measures(self, task: str) -> List[str]:
        """The measures of a task, in the order of its results."""
        values = (result.values for cell, result in self.results.items() if cell.task == task)
        return list(dict.fromkeys(measure for measures in values for measure in measures))

    def results_of(self, row: str, task: str) -> List[CellResult]:
        cells = (cell for cell in self.cells if (cell.row, cell.task) == (row, task))
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
            num_runs_wanted=sum((cell.row, cell.task) == (row, task) for cell in self.cells),
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
        """Everything, for table.json; times are apart, since they differ between machines."""
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
    """Whether recovery is defined for a row: an embedding, and neither end of the scale."""
    return row.is_embedding and row.name not in _ENDS


def recovery(method: float, baseline: float, topline: float) -> Optional[float]:
    """(method - baseline) / (topline - baseline); None where the topline is not above the baseline."""
    return (method - baseline) / (topline - baseline) if topline > baseline else None


def _comparable_means(rows: Iterable[Iterable[Tuple[str, Sequence[float]]]]) -> List[float]:
    """The mean of each row over the splits that all rows share, of its mean on each split; empty without any."""
    means_of_rows = []
    for runs in rows:
        values: Dict[str, List[float]] = {}
        for split, run_values in runs:
            values.setdefault(split, []).extend(run_values)
        means_of_rows.append({split: statistics.fmean(together) for split, together in values.items() if together})
    common = sorted(set.intersection(*map(set, means_of_rows)))
    return [statistics.fmean(means[split] for split in common) for means in means_of_rows] if common else []


def _with_tasks_of(row: Row, finished: Iterable[Cell]) -> Row:
    tasks = [*row.tasks, *(cell.task for cell in finished if cell.row == row.name)]
    return dataclasses.replace(row, tasks=tuple(dict.fromkeys(tasks)))


def _all_cells(rows: Sequence[Row], known: Sequence[Cell]) -> List[Cell]:
    """All tasks of every row, on every known split, with the known seeds of the row."""
    splits = sorted({cell.split for cell in known}, key=lambda name: (len(name), name))  # fold2 before fold10
    seeds = {
        row.name: sorted({cell.seed for cell in known if cell.row == row.name and cell.seed is not None})
        for row in rows
    }
    first_seed = min((seed for row_seeds in seeds.values() for seed in row_seeds), default=0)
    return [
        Cell(split, seed, row.name, task)
        for split in splits
        for row in rows
        for seed in ([None] if not row.has_seed else seeds[row.name] or [first_seed])
        for task in row.tasks
    ]


def _require_same_clips(results: Iterable[CellResult]) -> None:
    first: Dict[str, CellResult] = {}
    for result in results:
        other = first.setdefault(result.cell.split, result)
        if other.clips_digest != result.clips_digest:
            raise UserError(
                f"{other.cell} evaluated {other.num_clips} clips and {result.cell} other ones ({result.num_clips}): "
                "their numbers do not compare; remove the folder of the one that is wrong."
            )


def _without_times(result: CellResult) -> Dict[str, Any]:
    values = {**dataclasses.asdict(result), "cell": str(result.cell)}
    del values["seconds"], values["made"], values["details"]
    return values
