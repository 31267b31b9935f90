"""Which cells a study has, and a JSON file for the result of each.

OUTPUT/cells/fold4-seed0/joint/retrieval.json
"""

import dataclasses
import glob
import os
from typing import Dict, List, Sequence

from audioset_triplet import files
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation.table import Cell, CellResult, Row


def plan(rows: Sequence[Row], splits: Sequence[str], seeds: Sequence[int], only: Sequence[str] = ()) -> List[Cell]:
    """The cells to compute, in order: split by split, seed by seed, row by row.

    Args:
        rows: of the table.
        splits: their names; each row has a run on each of them.
        seeds: of the training; each row that has a seed has a run with each of them.
        only: rows (`joint`) and cells (`joint/retrieval`) to keep; empty: all.

    Raises:
        UserError: `only` names something that no row has.
    """
    tasks = {row.name: row.tasks for row in rows}
    for name in only:
        row_name, slash, task = name.partition("/")
        if row_name not in tasks:
            raise UserError(f"--only={name}: there is no row {row_name!r}; the rows are {', '.join(tasks)}.")
        if slash and task not in tasks[row_name]:
            raise UserError(
                f"--only={name}: the row {row_name} has no task {task!r}, but {', '.join(tasks[row_name])}."
            )
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
    return os.path.join(output, "cells", f"{cell}.json")


def write_result(output: str, result: CellResult) -> None:
    path = result_path(output, result.cell)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    files.write_json(path, dataclasses.asdict(result))


def read_results(output: str) -> Dict[Cell, CellResult]:
    """The results of all finished cells, in the order of their paths.

    Raises:
        UserError: a file that cannot be read as a result.
    """
    results = {}
    for path in sorted(glob.glob(os.path.join(glob.escape(output), "cells", "*", "*", "*.json"))):
        try:
            values = files.read_json(path)
            result = CellResult(**{**values, "cell": Cell(**values["cell"])})
        except (AttributeError, KeyError, TypeError, UserError) as error:
            raise UserError(f"{path}: damaged ({error}); remove it, and its cell is computed again.") from error
        results[result.cell] = result
    return results
