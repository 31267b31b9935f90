"""The study of Hornauer et al. 2021: starts x data sets x held-out folds x seeds -> accuracy by epoch."""

import dataclasses
import os
from typing import Any, Dict, List, Mapping, Optional, Sequence

import tensorflow as tf

from audioset_triplet import files
from audioset_triplet.clips import digest
from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.instances import InstanceConfig
from audioset_triplet.config.network import EmbeddingNetworkConfig, NetworkConfig
from audioset_triplet.config.studies import Hornauer2021Config
from audioset_triplet.evaluation.table import Cell, CellResult, Measurement, Row
from audioset_triplet.records import splits
from audioset_triplet.reports import comparison, study_page
from audioset_triplet.studies import cells, dry_run, grid, settings
from audioset_triplet.studies.finetuning import protocols
from audioset_triplet.studies.finetuning import sections as curves
from audioset_triplet.studies.finetuning import study as finetuning
from audioset_triplet.studies.finetuning.classifiers import Classifiers
from audioset_triplet.studies.hornauer2021 import data_sets, pretraining, sections
from audioset_triplet.studies.hornauer2021.data_sets import HeldOut
from audioset_triplet.studies.hornauer2021.pretraining import Pretraining, Pretrainings


def run(config: Hornauer2021Config, pretrained: InstanceConfig, finetuned: ClassifierConfig) -> str:
    """Fills the grid and returns its tables as Markdown; with `dry_run` a list of what there is to do.

    Args:
        config: data sets, folds and seeds.
        pretrained: how networks are pre-trained, but for what they share with the classifiers (`pretraining_config`).
        finetuned: how the classifiers are trained; its data, start, steps and seed do not matter. `imagenet_weights`
            adds a row.

    Raises:
        UserError: what `grid.fill`, or the choice of data sets, folds and rows raises.
    """
    study = Study(config, pretrained, finetuned)
    study.classifiers.require_starts(cell for cell in study.planned if cell.row == pretraining.IMAGENET)
    filled = study.grid()
    if config.dry_run:
        grid.extended_settings(filled)
        return "\n".join(study.describe_plan())
    if finetuned.training.deterministic:
        tf.config.experimental.enable_op_determinism()
    finished = grid.fill(filled)
    page = study.page(finished, filled.settings)
    return f"\n{study_page.markdown(page)}\nOpen {config.output}/report.html."


def pretraining_config(
    config: Hornauer2021Config, pretrained: InstanceConfig, finetuned: ClassifierConfig
) -> InstanceConfig:
    """How networks are pre-trained: windows, network and devices are those of the classifiers."""
    shared = {field.name: getattr(finetuned.network, field.name) for field in dataclasses.fields(NetworkConfig)}
    network = EmbeddingNetworkConfig(
        **{**shared, "imagenet_weights": ""}, embedding_size=pretrained.network.embedding_size
    )
    training = dataclasses.replace(
        pretrained.training,
        **{
            name: getattr(finetuned.training, name)
            for name in ("deterministic", "jit_compile", "precision", "strategy")
        },
        steps=config.pretraining_steps or pretrained.training.steps,
        learning_rate=config.pretraining_learning_rate or pretrained.training.learning_rate,
    )
    return dataclasses.replace(
        pretrained, waveforms=finetuned.waveforms, loss=config.loss, network=network, training=training
    )


class Study:
    """The data sets, the cells, and what trains and evaluates them."""

    def __init__(self, config: Hornauer2021Config, pretrained: InstanceConfig, finetuned: ClassifierConfig) -> None:
        """The arguments of `run`."""
        self._config, self._imagenet_weights = config, finetuned.network.imagenet_weights
        self._sets = data_sets.read(config.data_sets)
        self._held_out = data_sets.held_out(config.held_out, self._sets)
        self.rows = [Row(name, pretraining.TITLES[name], tasks=(finetuning.TASK,), steps=1) for name in self._names()]
        self.planned = cells.plan(self.rows, [one.split for one in self._held_out], config.seeds, config.only)
        self.pretrainings = Pretrainings(config.output, pretraining_config(config, pretrained, finetuned))
        base = dataclasses.replace(finetuned, network=dataclasses.replace(finetuned.network, imagenet_weights=""))
        self.classifiers = Classifiers(config.output, base, self._splits(base.data), self._start_of, config.epochs)

    def grid(self) -> grid.Study:
        """What `grid.fill` takes."""
        return grid.Study(
            output=self._config.output,
            kind="study",
            rows=self.rows,
            cells=self.planned,
            settings=self._settings(),
            evaluate=self._evaluate,
            report=self._write,
        )

    def describe_plan(self) -> List[str]:
        """What is done and what there is to do, for --dry_run."""
        budgets = {row.name: f"{self._config.epochs} epochs" for row in self.rows}
        finished = cells.read_results(self._config.output)
        lines = list(dry_run.describe(self.planned, finished, budgets, self._networks_to_train))
        if len(data_sets.distinct(self._sets)) == 1:
            lines.append(f"{pretraining.OTHERS} and {pretraining.ALL} need clips of a second data set.")
        return lines + self._protocols(self._held_out)

    def page(self, finished: Mapping[Cell, CellResult], known: Mapping[str, Any]) -> study_page.Study:
        """All that the page shows."""
        left = [str(cell) for cell in self.planned if cell not in finished]
        return study_page.Study(
            kicker="Hornauer et al. 2021",
            title="Unsupervised discriminative learning of sounds: accuracy by epoch of fine-tuning",
            sections=[*self._curves(finished), sections.starts(finished), self._costs(finished)],
            notes=self._notes(finished),
            unfinished=f"Unfinished: {len(left)} of {len(self.planned)} cells are missing ({', '.join(left)})."
            if left
            else "",
            curves=(),
            settings=known,
            facts=comparison.facts(finished.values()),
        )

    def _names(self) -> List[str]:
        """The rows. With one data set alone there are no others, and all are its own."""
        more = [pretraining.OTHERS, pretraining.ALL] if len(data_sets.distinct(self._sets)) > 1 else []
        imagenet = [pretraining.IMAGENET] if self._imagenet_weights else []
        return [pretraining.SCRATCH, pretraining.OWN, *more, pretraining.ALL_FOLDS, *imagenet]

    def _splits(self, base: DataConfig) -> Dict[str, splits.DataSplit]:
        found = {}
        for one in self._held_out:
            data = dataclasses.replace(base, data=self._sets[one.data_set].data, folds=())
            [split] = splits.fold_splits(data, (one.fold,), ())
            found[one.split] = dataclasses.replace(split, name=one.split)
        return found

    def _pretraining_of(self, cell: Cell) -> Optional[Pretraining]:
        return pretraining.choose(cell.row, HeldOut.of_split(cell.split), self._sets)

    def _start_of(self, cell: Cell) -> str:
        assert cell.seed is not None
        chosen = self._pretraining_of(cell)
        if chosen is not None:
            return self.pretrainings.workdir(chosen.name, cell.seed)
        return self._imagenet_weights if cell.row == pretraining.IMAGENET else ""

    def _evaluate(self, cell: Cell) -> Measurement:
        chosen = self._pretraining_of(cell)
        if chosen is not None:
            assert cell.seed is not None
            self.pretrainings.train(chosen, cell.seed)
        return self.classifiers.evaluate(cell)

    def _networks_to_train(self, cell: Cell) -> Dict[str, Optional[int]]:
        assert cell.seed is not None
        chosen, needed = self._pretraining_of(cell), {str(cell): None}
        if chosen is None or self.pretrainings.has_ended(chosen.name, cell.seed):
            return dict(needed)
        return {**needed, f"{chosen.name}-seed{cell.seed}": self.pretrainings.config.training.steps}

    def _settings(self) -> Dict[str, Any]:
        return {
            "data_sets": {
                name: {
                    **settings.describe_records(DataConfig(data=one.data)),
                    "clips": len(one.clips),
                    "clips_digest": digest(sorted(one.clip_ids)),
                }
                for name, one in self._sets.items()
            },
            "names": sorted(self._sets),  # what all of them are decides what a network learns from
            "epochs": self._config.epochs,
            "pretraining": settings.describe_training(self.pretrainings.config),
            "finetuning": self.classifiers.describe_training(),
        }

    def _by_start(self, data_set: str, finished: Mapping[Cell, CellResult]) -> Dict[str, List[CellResult]]:
        """The results of each start on a data set, in the order of `pretraining.TITLES`."""
        of_set = {cell: one for cell, one in finished.items() if HeldOut.of_split(cell.split).data_set == data_set}
        found = finetuning.by_start((), of_set)
        return {name: found[name] for name in pretraining.TITLES if name in found}

    def _curves(self, finished: Mapping[Cell, CellResult]) -> List[study_page.Section]:
        found = []
        for name, one in self._sets.items():
            by_start = self._by_start(name, finished)
            found += curves.build(by_start, one.title) if by_start else []
        return found

    def _costs(self, finished: Mapping[Cell, CellResult]) -> study_page.Section:
        uses: Dict[str, sections.Use] = {}
        for cell in finished:
            held_out = HeldOut.of_split(cell.split)
            chosen = pretraining.choose(cell.row, held_out, self._sets)
            if chosen is not None and cell.seed is not None:
                use = uses.setdefault(chosen.name, sections.Use(chosen))
                use.rows.append(f"{held_out.data_set}/{cell.row}")
                use.seeds.append(cell.seed)
        return sections.costs(self.pretrainings, list(uses.values()))

    def _notes(self, finished: Mapping[Cell, CellResult]) -> List[str]:
        evaluated = [HeldOut.of_split(cell.split) for cell in finished]
        return [
            finetuning.SPREAD,
            *self._protocols(evaluated),
            sections.PUBLISHED,
            finetuning.evaluated_note(finished),
        ]

    def _protocols(self, evaluated: Sequence[HeldOut]) -> List[str]:
        """Whether the folds are all of a protocol, a line for each data set that has one."""
        notes = []
        for name in self._sets:
            folds = [f"fold{one.fold}" for one in evaluated if one.data_set == name]
            if folds and name in protocols.PROTOCOLS:
                notes.append(protocols.describe(name, folds))
        return notes

    def _write(self, finished: Mapping[Cell, CellResult], known: Mapping[str, Any]) -> None:
        """Writes results.json, table.md and report.html."""
        page, output = self.page(finished, known), self._config.output
        numbers = {
            name: {start: curves.numbers(results) for start, results in self._by_start(name, finished).items()}
            for name in self._sets
        }
        everything = {"complete": not page.unfinished, "data_sets": numbers, "settings": known}
        files.write_json(os.path.join(output, "results.json"), everything)
        files.write_text(os.path.join(output, "table.md"), study_page.markdown(page))
        files.write_text(os.path.join(output, "report.html"), study_page.render(page))
