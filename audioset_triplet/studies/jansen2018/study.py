"""The study of Jansen et al. 2018: from configs to the table."""

import dataclasses
import os
from typing import Any, Dict, Iterable, List

import tensorflow as tf

from audioset_triplet.config.studies import Jansen2018Config
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.evaluation.table import Cell, Table
from audioset_triplet.records import splits
from audioset_triplet.reports import charts, comparison
from audioset_triplet.studies import cells, grid, tables, training_curves
from audioset_triplet.studies import dry_run as plans
from audioset_triplet.studies.jansen2018 import dry_run, evaluations, rows, settings, stages


def run(config: Jansen2018Config, base: TripletConfig) -> str:
    """Fills the table and returns it as Markdown; with `dry_run` a list of what there is to do.

    Args:
        config: what is evaluated, and how.
        base: how networks are trained; its folds and its seed do not matter.

    Raises:
        UserError: what `grid.fill` or the choice of splits, rows and cells raises.
    """
    data_splits = _splits(config, dataclasses.replace(base.data, folds=()))
    measures = evaluations.Evaluations(config.head, config.labels_per_class, config.trials, config.hop_seconds)
    table_rows, configs = rows.build(base, config.few_labels_from_scratch)
    planned = cells.plan(table_rows, [split.name for split in data_splits], config.seeds, config.only)

    def table(finished: grid.Results) -> Table:
        return Table(table_rows, planned, finished.values())

    def report(finished: grid.Results, known: Dict[str, Any]) -> None:
        tables.write(config.output, table(finished), _curves(config.output, finished), known)

    study = grid.Study(
        output=config.output,
        kind="table",
        rows=table_rows,
        cells=planned,
        settings=settings.describe(data_splits, configs, measures),
        evaluate=stages.Stages(config.output, {split.name: split for split in data_splits}, configs, measures).evaluate,
        report=report,
    )
    if config.dry_run:
        grid.extended_settings(study)
        finished = cells.read_results(config.output)
        budgets = dry_run.budgets([row.name for row in table_rows], configs)
        return "\n".join(plans.describe(planned, finished, budgets, dry_run.networks(configs, measures)))
    if base.training.deterministic:
        tf.config.experimental.enable_op_determinism()
    return f"\n{comparison.markdown(table(grid.fill(study)))}\nOpen {config.output}/report.html."


def _splits(config: Jansen2018Config, data: Any) -> List[splits.DataSplit]:
    if config.eval_data:
        return [splits.eval_split(dataclasses.replace(data, folds=config.train_folds), config.eval_data)]
    return splits.fold_splits(data, config.folds, config.train_folds)


def _curves(output: str, finished: Iterable[Cell]) -> List[charts.Curve]:
    """The losses of the networks of some cells."""
    runs = dict.fromkeys((cell.run, cell.row) for cell in finished)
    return training_curves.read((row, run, os.path.join(output, run, row)) for run, row in runs)
