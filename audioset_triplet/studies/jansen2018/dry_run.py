"""The training of the rows of a table in words, and the networks that a cell needs."""

import itertools
from typing import Dict, List, Mapping

from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.evaluation.table import Cell
from audioset_triplet.studies.dry_run import Networks
from audioset_triplet.studies.jansen2018.evaluations import Evaluations
from audioset_triplet.studies.jansen2018.rows import Configs, is_trained


def budgets(rows: List[str], configs: Configs) -> Mapping[str, str]:
    """Row -> the length of its training."""
    trained = {row: is_trained(row, configs) for row in rows}
    return {row: f"{configs[row].training.steps:,} steps" if trained[row] else "no training" for row in rows}


def networks(configs: Configs, evaluations: Evaluations) -> Networks:
    """Which networks a cell needs trained."""

    def of_cell(cell: Cell) -> Dict[str, int]:
        if not is_trained(cell.row, configs):
            return {}
        return dict.fromkeys(_names(cell, configs, evaluations), configs[cell.row].training.steps)

    return of_cell


def _names(cell: Cell, configs: Configs, evaluations: Evaluations) -> List[str]:
    if not isinstance(configs[cell.row], ClassifierConfig):
        return [f"{cell.run}/{cell.row}"]
    if cell.task != "semi_supervised":
        return [str(cell)]
    draws = itertools.product(evaluations.labels_per_class, range(evaluations.trials))
    return [f"{cell}/{count}-labels-trial{trial}" for count, trial in draws]
