"""The study of Hershey et al. 2017 and of the AudioSet talk: from configs to the tables."""

import dataclasses
import os
from typing import Any, Dict, Iterable, List, Mapping, Sequence, Tuple

import tensorflow as tf

from audioset_triplet import files
from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.studies import AudioSet2017Config
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation.table import Cell, Row, Table
from audioset_triplet.jobs import processes
from audioset_triplet.reports import charts, comparison, study_page
from audioset_triplet.studies import cells, dry_run, grid, training_curves
from audioset_triplet.studies.audioset2017 import classifiers, evaluation_sets, rows, settings
from audioset_triplet.studies.audioset2017.budgets import Budget
from audioset_triplet.studies.audioset2017.classifiers import Classifiers
from audioset_triplet.studies.audioset2017.evaluation_sets import TASKS, EvaluationSet
from audioset_triplet.studies.audioset2017.sections import Sections

_SHOWN = 8  # missing cells, in a line


def run(config: AudioSet2017Config, base: ClassifierConfig) -> str:
    """Fills the tables and returns them as Markdown; with `dry_run` a list of what there is to do.

    Args:
        config: what is trained and evaluated.
        base: how classifiers are trained; its seed does not matter.

    Raises:
        UserError: what `grid.fill` or the choice of rows, sets and cells raises.
    """
    recipes = rows.build(config, base)
    if config.embedding_model and not os.path.exists(config.embedding_model):
        raise UserError(f"--embedding_model={config.embedding_model}: there is no such model.")
    sets = evaluation_sets.read(config)
    budget = Budget(config.output, config.core_minutes, processes.num_cores())
    steps = {name: budget.known_steps(recipe.config) for name, recipe in recipes.items() if recipe.config is not None}
    tasks = [task for task in TASKS if any(task in one.tasks for one in sets.values())]
    table_rows = rows.table_rows(recipes, tasks, steps)
    planned = plan(table_rows, sets, config)
    shared = Classifiers(config, base.data, recipes, base.network.architecture, sets, budget)

    def tables(finished: grid.Results) -> Dict[str, Table]:
        return tables_of(table_rows, planned, finished, sets)

    def study_of(finished: grid.Results, known: Mapping[str, Any]) -> study_page.Study:
        return describe(tables(finished), finished, known, shared)

    study = grid.Study(
        output=config.output,
        kind="table",
        rows=table_rows,
        cells=planned,
        settings=settings.describe(shared),
        evaluate=shared.evaluate,
        report=lambda finished, known: write(study_of(finished, known), tables(finished), shared),
    )
    if config.dry_run:
        grid.extended_settings(study)
        return "\n".join(
            dry_run.describe(
                planned, cells.read_results(config.output), budgets(shared, steps), networks(shared, steps)
            )
        )
    shared.check()
    if base.training.deterministic:
        tf.config.experimental.enable_op_determinism()
    finished = grid.fill(study)
    return f"\n{study_page.markdown(study_of(finished, study.settings))}\nOpen {config.output}/report.html."


def plan(table_rows: Sequence[Row], sets: Mapping[str, EvaluationSet], config: AudioSet2017Config) -> List[Cell]:
    """The cells to compute: each row on each set, by the protocols that the set has something for.

    Raises:
        UserError: `only` names something that no row has.
    """
    every = cells.plan(table_rows, list(sets), config.seeds, config.only)
    return [cell for cell in every if cell.task in sets[cell.split].tasks]


def tables_of(
    table_rows: Sequence[Row], planned: Sequence[Cell], finished: grid.Results, sets: Mapping[str, EvaluationSet]
) -> Dict[str, Table]:
    """A table for each set, also for those that earlier runs have evaluated in the same folder."""
    tables = {}
    for name in dict.fromkeys([*sets, *(cell.split for cell in finished)]):
        results = [result for cell, result in finished.items() if cell.split == name]
        known = sets[name].tasks if name in sets else {result.cell.task for result in results}
        own = tuple(task for task in TASKS if task in known)
        of_set = [dataclasses.replace(row, tasks=own) for row in table_rows]
        tables[name] = Table(of_set, [cell for cell in planned if cell.split == name], results)
    return tables


def budgets(shared: Classifiers, steps: Mapping[str, Any]) -> Dict[str, str]:
    """Row -> the length of its training, in words."""
    budget = f"{shared.budget.core_minutes:g} core-min"
    return {
        name: "head" if recipe.config is None else f"{steps[name]:,} steps" if steps[name] is not None else budget
        for name, recipe in shared.recipes.items()
    }


def networks(shared: Classifiers, steps: Mapping[str, Any]) -> dry_run.Networks:
    """Which networks a cell needs trained, apart from those that are exported."""

    def of_cell(cell: Cell) -> Dict[str, Any]:
        recipe = shared.recipes[cell.row]
        assert cell.seed is not None
        needed = [] if recipe.config is None else [*rows.refining(shared.recipes, cell.row), cell.row]
        folders = {name: classifiers.folder_of(shared.config.output, name, cell.seed) for name in needed}
        return {
            folder: steps[name] for name, folder in folders.items() if not os.path.isdir(os.path.join(folder, "model"))
        }

    return of_cell


def describe(
    tables: Mapping[str, Table], finished: grid.Results, known: Mapping[str, Any], shared: Classifiers
) -> study_page.Study:
    """All that the page shows."""
    missing = [str(cell) for table in tables.values() for cell in table.missing]
    more = ", …" if len(missing) > _SHOWN else ""
    num_cells = sum(len(table.cells) for table in tables.values())
    unfinished = f"Unfinished: {len(missing)} of {num_cells} cells are missing ({', '.join(missing[:_SHOWN])}{more})."
    table = next(iter(tables.values()))
    return study_page.Study(
        kicker="Hershey et al. 2017, and the talk on AudioSet of 2017",
        title="CNN architectures, weights and labels for audio classification",
        sections=Sections(tables, shared.config, shared.reference).build(),
        notes=_notes(tables),
        unfinished=unfinished if missing else "",
        curves=charts.curve_panels(table, curves(shared.config.output, finished)),
        settings=known,
        facts=comparison.facts(finished.values()),
    )


def curves(output: str, finished: Iterable[Cell]) -> List[charts.Curve]:
    """The losses of the classifiers of some cells."""
    runs = dict.fromkeys((cell.row, cell.seed) for cell in finished if cell.seed is not None)
    return training_curves.read((row, f"seed{seed}", classifiers.folder_of(output, row, seed)) for row, seed in runs)


def write(study: study_page.Study, tables: Mapping[str, Table], shared: Classifiers) -> None:
    """Writes table.json, table.md and report.html."""
    output = shared.config.output
    numbers = {name: table.numbers() for name, table in tables.items()}
    for one in numbers.values():
        del one["published_recovery"]  # of another paper
    everything = {
        "complete": all(one["complete"] for one in numbers.values()),
        "sets": numbers,
        "budgets": shared.budget.measured(shared.config.architectures),
        "settings": study.settings,
    }
    files.write_json(os.path.join(output, "table.json"), everything)
    files.write_text(os.path.join(output, "table.md"), study_page.markdown(study))
    files.write_text(os.path.join(output, "report.html"), study_page.render(study))


def _notes(tables: Mapping[str, Table]) -> List[str]:
    evaluated: Dict[str, Tuple[int, str]] = {}
    for name, table in tables.items():
        for result in table.results.values():
            evaluated[name] = (result.num_clips, result.clips_digest)
    clips = "; ".join(f"{name}, {count} clips, digest {digest}" for name, (count, digest) in evaluated.items())
    spread = "± is the sample standard deviation (n − 1) over seeds; a single value has none."
    return [spread, *([f"Evaluated: {clips}. Numbers compare where the digests are the same."] if clips else [])]
