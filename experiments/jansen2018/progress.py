"""What is done, what there is to do, and how long that may take."""

import datetime
import statistics
from typing import Dict, Iterator, List, Sequence

from audioset_triplet.config import TripletConfig
from audioset_triplet.evaluation.cells import Cell, Result

MEASURES_SHOWN = ("map", "accuracy")


def describe_plan(
    planned: Sequence[Cell], finished: Dict[Cell, Result], configs: Dict[str, TripletConfig]
) -> Iterator[str]:
    """A line per row and run (how long its network is trained, what is done and what is to do) and one for all."""
    for run, row in dict.fromkeys((cell.run, cell.row) for cell in planned):
        tasks = {cell.task: cell in finished for cell in planned if (cell.run, cell.row) == (run, row)}
        steps = f"{_num_steps(row, configs)} steps" if _num_steps(row, configs) else "no training"
        marks = ", ".join(f"{task} {'done' if done else 'to do'}" for task, done in tasks.items())
        yield f"{f'{run}/{row}':32}{steps:16}{marks}"
    todo = [cell for cell in planned if cell not in finished]
    steps_left = sum(_num_steps(row, configs) for _, row in {(cell.run, cell.row) for cell in todo})
    yield f"{len(planned) - len(todo)} of {len(planned)} cells are done; to train: at most {steps_left:,} steps"


def _num_steps(row: str, configs: Dict[str, TripletConfig]) -> int:
    return configs[row].training.steps if row in configs and row != "untrained" else 0


def expected_seconds(todo: Sequence[Cell], results: Dict[Cell, Result], configs: Dict[str, TripletConfig]) -> float:
    """What cells like these took so far: the same task, of a row that is trained too or that is not either."""

    def of(cell: Cell) -> float:
        trained = bool(_num_steps(cell.row, configs))
        like = [one for one in results if bool(_num_steps(one.row, configs)) == trained]
        same_task = [one for one in like if one.task == cell.task]
        return statistics.fmean(results[one].seconds for one in same_task or like or results)

    return sum(map(of, todo))


def describe(result: Result) -> str:
    means = {name: statistics.fmean(values) for name, values in result.values.items()}
    shown: List[str] = [f"{name} {value:.3f}" for name, value in means.items() if name.split("/")[-1] in MEASURES_SHOWN]
    return f"{result.cell}: {', '.join(shown)} ({duration(result.seconds)})"


def duration(seconds: float) -> str:
    """h:mm:ss"""
    return str(datetime.timedelta(seconds=round(seconds)))
