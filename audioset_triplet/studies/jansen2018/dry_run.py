"""What of a table is done, what there is to do, and how many networks that trains."""

import itertools
from typing import Iterator, List, Mapping, Sequence

from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.evaluation.table import Cell, CellResult
from audioset_triplet.studies.jansen2018.evaluations import Evaluations
from audioset_triplet.studies.jansen2018.rows import Configs, is_trained


def describe(
    planned: Sequence[Cell], finished: Mapping[Cell, CellResult], configs: Configs, evaluations: Evaluations
) -> Iterator[str]:
    """A line per row and run (its training steps, what is done and what is to do) and one for all."""
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
