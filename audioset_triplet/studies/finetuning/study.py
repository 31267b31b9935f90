"""The study of fine-tuning: starts x held-out folds x seeds -> accuracy by epoch."""

import dataclasses
import os
from typing import Any, Dict, Iterable, List, Mapping, Sequence

import tensorflow as tf

from audioset_triplet import files
from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.studies import FinetuningConfig
from audioset_triplet.evaluation.table import Cell, CellResult, Row
from audioset_triplet.records import clip_labels, splits
from audioset_triplet.reports import comparison, study_page
from audioset_triplet.studies import cells, dry_run, grid
from audioset_triplet.studies.finetuning import protocols, sections, starts
from audioset_triplet.studies.finetuning.classifiers import Classifiers
from audioset_triplet.studies.settings import describe_records

TASK = "finetuning"
SPREAD = "± is the sample standard deviation (n − 1) over folds and seeds; a single run has none."


def run(config: FinetuningConfig, base: ClassifierConfig) -> str:
    """Fills the grid and returns its tables as Markdown; with `dry_run` a list of what there is to do.

    Args:
        config: starts, folds and seeds.
        base: how the classifiers are trained; its folds, start, steps and seed do not matter.

    Raises:
        UserError: what `grid.fill`, or the choice of starts and folds raises.
    """
    folders = starts.parse(config.starts)
    data_splits = {split.name: split for split in _splits(config, base)}
    # It trains; the clips of a split decide how many steps.
    rows = [Row(name, name, tasks=(TASK,), steps=1) for name in folders]
    planned = cells.plan(rows, list(data_splits), config.seeds, config.only)
    shared = Classifiers(
        config.output, base, data_splits, lambda cell: starts.folder_of(folders[cell.row], cell.split), config.epochs
    )
    shared.require_starts(planned)  # here, not hours later
    study = grid.Study(
        output=config.output,
        kind="study",
        rows=rows,
        cells=planned,
        settings=_settings(config, shared, folders),
        evaluate=shared.evaluate,
        report=lambda finished, known: _write(config, planned, finished, known),
    )
    if config.dry_run:
        grid.extended_settings(study)
        budgets = dict.fromkeys(folders, f"{config.epochs} epochs")
        lines = dry_run.describe(planned, cells.read_results(config.output), budgets, lambda cell: {str(cell): None})
        return "\n".join(lines)
    if base.training.deterministic:
        tf.config.experimental.enable_op_determinism()
    finished = grid.fill(study)
    return (
        f"\n{study_page.markdown(_page(config, planned, finished, study.settings))}\nOpen {config.output}/report.html."
    )


def _splits(config: FinetuningConfig, base: ClassifierConfig) -> List[splits.DataSplit]:
    clips = clip_labels.read(base.data.data, ())
    if config.protocol:
        protocols.require(config.protocol, clips)
    folds = config.folds or tuple(sorted({clip.fold for clip in clips} - {-1}))
    return splits.fold_splits(dataclasses.replace(base.data, folds=()), folds, config.train_folds)


def _settings(config: FinetuningConfig, shared: Classifiers, folders: Mapping[str, str]) -> Dict[str, Any]:
    return {
        "splits": {
            name: {"train": describe_records(split.train), "held_out": describe_records(split.held_out)}
            for name, split in shared.splits.items()
        },
        "starts": dict(folders),
        "protocol": config.protocol,
        "epochs": config.epochs,
        "training": shared.describe_training(),
    }


def by_start(planned: Iterable[Cell], finished: Mapping[Cell, CellResult]) -> Dict[str, List[CellResult]]:
    """The results of each start, in the order of the folds; starts of earlier commands come last."""
    names = dict.fromkeys(cell.row for cell in [*planned, *finished])
    ordered = sorted(finished, key=lambda cell: (len(cell.run), cell.run))  # fold2 before fold10
    found = {name: [finished[cell] for cell in ordered if cell.row == name] for name in names}
    return {name: results for name, results in found.items() if results}


def _page(
    config: FinetuningConfig, planned: Sequence[Cell], finished: Mapping[Cell, CellResult], known: Mapping[str, Any]
) -> study_page.Study:
    left = [str(cell) for cell in planned if cell not in finished]
    return study_page.Study(
        kicker="Fine-tuning",
        title="How far each start gets, epoch by epoch",
        sections=sections.build(by_start(planned, finished)),
        notes=_notes(config, finished),
        unfinished=f"Unfinished: {len(left)} of {len(planned)} cells are missing ({', '.join(left)})." if left else "",
        curves=(),
        settings=known,
        facts=comparison.facts(finished.values()),
    )


def _notes(config: FinetuningConfig, finished: Mapping[Cell, CellResult]) -> List[str]:
    notes = [SPREAD]
    held_out = sorted({cell.split for cell in finished}, key=lambda name: (len(name), name))
    if config.protocol:
        notes.append(protocols.describe(config.protocol, held_out))
    return [*notes, evaluated_note(finished)]


def evaluated_note(finished: Mapping[Cell, CellResult]) -> str:
    """The evaluated clips of each split."""
    digests = {
        cell.split: f"{result.num_clips} clips, digest {result.clips_digest}" for cell, result in finished.items()
    }
    splits_in_order = sorted(digests, key=lambda name: (len(name), name))  # fold2 before fold10
    return "Evaluated: " + "; ".join(f"{split}, {digests[split]}" for split in splits_in_order) + "."


def _write(
    config: FinetuningConfig, planned: Sequence[Cell], finished: Mapping[Cell, CellResult], known: Mapping[str, Any]
) -> None:
    """Writes results.json, table.md and report.html."""
    shown = _page(config, planned, finished, known)
    numbers = {start: sections.numbers(results) for start, results in by_start(planned, finished).items()}
    everything = {"complete": not shown.unfinished, "starts": numbers, "settings": known}
    files.write_json(os.path.join(config.output, "results.json"), everything)
    files.write_text(os.path.join(config.output, "table.md"), study_page.markdown(shown))
    files.write_text(os.path.join(config.output, "report.html"), study_page.render(shown))
