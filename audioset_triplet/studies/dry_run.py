"""What of a study is done, what there is to do, and how many networks that trains."""

from typing import Callable, Dict, Iterator, Mapping, Optional, Sequence

from audioset_triplet.evaluation.table import Cell, CellResult

# A cell -> names of the networks that it needs trained, with their steps (None: not known yet); cells that share a
# network give it the same name.
Networks = Callable[[Cell], Mapping[str, Optional[int]]]


def describe(
    planned: Sequence[Cell], finished: Mapping[Cell, CellResult], budgets: Mapping[str, str], networks: Networks
) -> Iterator[str]:
    """A line per row and run (its training, what is done and what is to do) and one for all.

    Args:
        planned: the cells of the study.
        finished: those that have a result.
        budgets: row -> its training, in words.
        networks: see above.
    """
    runs = dict.fromkeys((cell.run, cell.row) for cell in planned)
    width = max((len(f"{run}/{row}") for run, row in runs), default=0) + 2
    for run, row in runs:
        tasks = {cell.task: cell in finished for cell in planned if (cell.run, cell.row) == (run, row)}
        marks = ", ".join(f"{task} {'done' if done else 'to do'}" for task, done in tasks.items())
        yield f"{f'{run}/{row}':{width}}{budgets[row]:16}{marks}"
    todo = [cell for cell in planned if cell not in finished]
    steps_of: Dict[str, Optional[int]] = {}
    for cell in todo:
        steps_of.update(networks(cell))
    known = [steps for steps in steps_of.values() if steps is not None]
    at_most = f", at most {sum(known):,} steps" if len(known) == len(steps_of) else ""
    yield (f"{len(planned) - len(todo)} of {len(planned)} cells are done; networks to train: {len(steps_of)}{at_most}")
