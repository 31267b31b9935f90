"""A cell: one evaluation of one row of a table, on one split, with one training seed. What to do, and what came of it.

A cell's result is a file of its own, so that a table can be stopped and extended: what has a result is never computed
again.
"""

import dataclasses
import glob
import json
import math
import os
from typing import Dict, List, Optional, Sequence, Tuple

from audioset_triplet import files
from audioset_triplet.errors import UserError

TASKS = ("retrieval", "classification", "semi_supervised", "knn")


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the table."""

    name: str
    title: str
    tasks: Tuple[str, ...] = TASKS
    has_seed: bool = True  # False: nothing in it is trained before it is evaluated, one run per split says all
    beyond_paper: bool = False
    steps: Optional[int] = None  # for which its network is trained; None: it is not

    @property
    def is_embedding(self) -> bool:
        """Whether it can be searched in; what cannot is a classifier of its own, which is all labels."""
        return "retrieval" in self.tasks


@dataclasses.dataclass(frozen=True)
class Cell:
    """One evaluation; its name is the path of its result: fold4-seed0/joint/retrieval."""

    split: str
    seed: Optional[int]  # None: a row without a seed
    row: str
    task: str

    @property
    def run(self) -> str:
        """What the tasks of a row share: the split and the seed."""
        return self.split if self.seed is None else f"{self.split}-seed{self.seed}"

    def __str__(self) -> str:
        return f"{self.run}/{self.row}/{self.task}"


@dataclasses.dataclass(frozen=True)
class Result:
    """What one cell gave.

    Raises:
        UserError: a value that is no number.
    """

    cell: Cell
    values: Dict[str, List[float]]  # measure (map, accuracy, 5/map for five labels) -> its value in each trial
    class_average_precision: Dict[str, float]  # class title -> average precision; empty where there are several trials
    num_clips: int  # evaluated
    clips_digest: str  # of their ids
    seconds: float  # since the last start; with training and embedding in the task that came first
    made: Dict[str, str]  # when, by what and on what

    def __post_init__(self) -> None:
        for measure, values in self.values.items():
            if not all(map(math.isfinite, values)):
                raise UserError(f"{self.cell}: {measure} is {values}, which is no number.")


def plan(rows: Sequence[Row], splits: Sequence[str], seeds: Sequence[int], only: Sequence[str]) -> List[Cell]:
    """The cells to compute, in order: split by split and seed by seed.

    Args:
        rows: of the table.
        splits: their names; each row is run on each of them.
        seeds: of the training; each row that has a seed is run with each of them.
        only: rows (`joint`) and cells (`joint/retrieval`) to keep; empty: all.

    Raises:
        UserError: `only` names something that no row has.
    """
    for name in only:
        row, slash, task = name.partition("/")
        known = {one.name: one.tasks for one in rows}
        if row not in known:
            raise UserError(f"--only={name}: there is no row {row!r}; the rows are {', '.join(known)}.")
        if slash and task not in known[row]:
            raise UserError(f"--only={name}: the row {row} has no task {task!r}, but {', '.join(known[row])}.")
    cells = (
        Cell(split, seed if row.has_seed else None, row.name, task)
        for split in splits
        for seed in seeds
        for row in rows
        for task in row.tasks
        if not only or row.name in only or f"{row.name}/{task}" in only
    )
    return list(dict.fromkeys(cells))  # a row without a seed once


def result_path(output: str, cell: Cell) -> str:
    return os.path.join(output, f"{cell}.json")


def write_result(output: str, result: Result) -> None:
    path = result_path(output, result.cell)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    files.write_text(path, json.dumps(dataclasses.asdict(result), indent=2) + "\n")


def read_results(output: str) -> Dict[Cell, Result]:
    """The results of all cells that are finished, in the order of their paths.

    Raises:
        UserError: a file that cannot be read as a result.
    """
    results = {}
    for task in TASKS:
        for path in sorted(glob.glob(os.path.join(glob.escape(output), "*", "*", f"{task}.json"))):
            try:
                with open(path, encoding="utf-8") as file:
                    values = json.load(file)
                result = Result(**{**values, "cell": Cell(**values["cell"])})
            except (KeyError, TypeError, ValueError) as error:
                raise UserError(f"{path}: damaged ({error}); remove it, and its cell is computed again.") from error
            results[result.cell] = result
    return results
