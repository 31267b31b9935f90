"""What is done, what there is to do, and how long that may take."""

import datetime
import itertools
import statistics
from typing import Dict, Iterator, List, Optional, Sequence

from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.studies.cells import Cell, Result
from audioset_triplet.studies.jansen2018.evaluations import Evaluations
from audioset_triplet.studies.jansen2018.rows import Configs, is_trained

MEASURES_SHOWN = ("map", "accuracy")


def describe_plan(
    planned: Sequence[Cell], finished: Dict[Cell, Result], configs: Configs, evaluations: Evaluations
) -> Iterator[str]:
    """A line per row and run (how long its network is trained, what is done and what is to do) and one for all."""
    for run, row in dict.fromkeys((cell.run, cell.row) for cell in planned):
        tasks = {cell.task: cell in finished for cell in planned if (cell.run, cell.row) == (run, row)}
        steps = f"{configs[row].training.steps:,} steps" if is_trained(row, configs) else "no training"
        marks = ", ".join(f"{task} {'done' if done else 'to do'}" for task, done in tasks.items())
        yield f"{f'{run}/{row}':32}{steps:16}{marks}"
    todo = [cell for cell in planned if cell not in finished]
    steps_of = {
        name: configs[cell.row].training.steps for cell in todo for name in networks(cell, configs, evaluations)
    }
    yield (
        f"{len(planned) - len(todo)} of {len(planned)} cells are done; networks to train: {len(steps_of)}, "
        f"at most {sum(steps_of.values()):,} steps"
    )


def networks(cell: Cell, configs: Configs, evaluations: Evaluations) -> List[str]:
    """Names of the networks that a cell needs trained; cells that share one give it the same name."""
    if not is_trained(cell.row, configs):
        return []
    if not isinstance(configs[cell.row], ClassifierConfig):
        return [f"{cell.run}/{cell.row}"]
    if cell.task != "semi_supervised":
        return [str(cell)]
    draws = itertools.product(evaluations.labels_per_class, range(evaluations.trials))
    return [f"{cell}/{count}-labels-trial{trial}" for count, trial in draws]


def expected_seconds(todo: Sequence[Cell], results: Dict[Cell, Result], configs: Configs) -> Optional[float]:
    """What cells like these took so far: the same task, of a row that is trained too or that is not either.

    A task that no such row has finished counts as the quickest that one has: only a row's first task has its training.

    Returns:
        None where there is a network to train and none has been trained yet.
    """
    seconds = 0.0
    for cell in todo:
        like = [one for one in results if is_trained(one.row, configs) == is_trained(cell.row, configs)]
        same_task = [results[one].seconds for one in like if one.task == cell.task]
        if is_trained(cell.row, configs) and not like:
            return None
        seconds += statistics.fmean(same_task) if same_task else min(results[one].seconds for one in like or results)
    return seconds


def describe(result: Result) -> str:
    """The cell, its most telling numbers and its time."""
    means = {name: statistics.fmean(values) for name, values in result.values.items()}
    shown = [f"{name} {value:.3f}" for name, value in means.items() if name.split("/")[-1] in MEASURES_SHOWN]
    return f"{result.cell}: {', '.join(shown)} ({duration(result.seconds)})"


def remaining(seconds: Optional[float]) -> str:
    """What `expected_seconds` says."""
    return "about " + duration(seconds) + " to go" if seconds is not None else "networks to train"


def duration(seconds: float) -> str:
    """h:mm:ss"""
    return str(datetime.timedelta(seconds=round(seconds)))
