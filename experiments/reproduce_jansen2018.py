"""The paper's experiment as one resumable command: every method, the baseline and the topline, in every evaluation.

  python -m experiments.reproduce_jansen2018 --data='records/*.tfrecord' --folds=4 --output=table --preset=small

trains noise, translation, mixing, proximity, joint and the supervised topline under one budget, adds log-mel and the
untrained network, and measures each by retrieval, classification, with few labels, and by its nearest neighbours. Two
classifiers on log-mel, one of them a ResNet-50 trained from scratch, stand beside them, and beyond the paper the row
`contrastive`. After every cell it writes OUTPUT/table.json, table.md and report.html, in which recovery says how far a
method comes from log-mel to the topline.

Stop it at any time; the same command goes on, and what is finished is never computed again. More --seeds and --folds
extend the table. --only=joint,topline/retrieval picks rows and cells; --dry_run lists what there is to do.
--eval_data=GLOB takes records of their own for evaluation instead of a fold.
"""

import dataclasses
import os
import time
from typing import Any, Dict, List

import tensorflow as tf
from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.evaluation import HeadConfig, SemiSupervisedConfig
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.presets import PRESETS
from audioset_triplet.records import splits
from audioset_triplet.reports import charts, comparison
from audioset_triplet.runs import metrics_log
from audioset_triplet.studies import cells
from audioset_triplet.studies.cells import Cell, Result, Row
from audioset_triplet.studies.jansen2018 import evaluations, lock, progress, rows, settings, stages
from audioset_triplet.studies.table import Table

FLAGS = flags.FLAGS
flags.DEFINE_string("output", "", "Folder of the table and of all that is made for it.")
flags.DEFINE_string("eval_data", "", "TFRecords to evaluate on; empty: a fold of --data.")
flags.DEFINE_list("folds", [], "Folds to hold out, one after the other, e.g. 4 or 1,2,3,4,5. Empty: the last one.")
flags.DEFINE_list("train_folds", [], "Folds to train on. Empty: all but the held-out one.")
flags.DEFINE_list("seeds", ["0"], "Training seeds, e.g. 0,1,2.")
flags.DEFINE_list(
    "only", [], "What to compute: rows (joint: all its evaluations) and cells (topline/retrieval). Empty: all."
)
flags.DEFINE_list(
    "labels_per_class",
    [*map(str, SemiSupervisedConfig.labels_per_class)],
    "Labelled clips per class in the evaluation with few.",
)
flags.DEFINE_integer("trials", SemiSupervisedConfig.trials, "How often they are drawn.", lower_bound=1)
flags.DEFINE_bool(
    "few_labels_from_scratch", False, "Also train a ResNet-50 for each draw of few labels: trials times their numbers."
)
flags.DEFINE_bool("dry_run", False, "Only list what is done and what there is to do.")
command_line.preset_flag(PRESETS)
command_line.define_flags(TripletConfig, left_out=("folds", "method", "seed"))
command_line.define_flags(HeadConfig)


def data_splits(base: TripletConfig) -> List[splits.DataSplit]:
    folds, train_folds = command_line.integers("folds"), command_line.integers("train_folds")
    data = dataclasses.replace(base.data, folds=())
    if not FLAGS.eval_data:
        return splits.fold_splits(data, folds, train_folds)
    if folds:
        raise UserError("--folds and --eval_data are two ways of holding something out: give one of them.")
    return [splits.eval_split(dataclasses.replace(data, folds=train_folds), FLAGS.eval_data)]


def training_curves(results: Dict[Cell, Result]) -> List[charts.Curve]:
    found = []
    for run, row in dict.fromkeys((cell.run, cell.row) for cell in results):
        lines = metrics_log.read(os.path.join(FLAGS.output, run, row, "run"))
        found.append(charts.Curve(row, run, [int(line["step"]) for line in lines], [line["loss"] for line in lines]))
    return found


def main() -> None:
    command_line.require_flags("data", "output", "seeds", "labels_per_class")
    base = command_line.config_from_flags(PRESETS[FLAGS.preset]() if FLAGS.preset else TripletConfig())
    how = evaluations.Evaluations(
        command_line.config_from_flags(HeadConfig()), command_line.integers("labels_per_class"), FLAGS.trials
    )
    held_out = {split.name: split for split in data_splits(base)}
    table_rows, configs = rows.build(base, FLAGS.few_labels_from_scratch)
    seeds = [dataclasses.replace(base.training, seed=seed).seed for seed in command_line.integers("seeds")]  # in range
    planned = cells.plan(table_rows, list(held_out), seeds, FLAGS.only)
    given = settings.describe(list(held_out.values()), configs, how)
    if FLAGS.dry_run:
        settings.extend(FLAGS.output, given)
        results = cells.read_results(FLAGS.output)
        print("\n".join(progress.describe_plan(planned, results, configs, how)))
        return
    if base.training.deterministic:
        tf.config.experimental.enable_op_determinism()
    with lock.alone(FLAGS.output):
        known = settings.extend(FLAGS.output, given)
        settings.write(FLAGS.output, known)
        work = stages.Stages(FLAGS.output, held_out, configs, how)
        fill(work, table_rows, planned, known)


def fill(work: stages.Stages, table_rows: List[Row], planned: List[Cell], known: Dict[str, Any]) -> None:
    """Computes the cells that are not there yet, and writes the table after each."""
    results = cells.read_results(FLAGS.output)
    todo = [cell for cell in planned if cell not in results]
    started = time.monotonic()
    print(f"{FLAGS.output}: {len(planned) - len(todo)} of {len(planned)} cells are done", flush=True)
    for index, cell in enumerate(todo, start=1):
        cells.write_result(FLAGS.output, work.compute(cell))
        results = cells.read_results(FLAGS.output)
        comparison.write(FLAGS.output, Table(table_rows, planned, results.values()), training_curves(results), known)
        elapsed, left = time.monotonic() - started, progress.expected_seconds(todo[index:], results, work.configs)
        print(
            f"{progress.describe(results[cell])}; {index} of {len(todo)}, {progress.duration(elapsed)} elapsed, "
            f"{progress.remaining(left)}",
            flush=True,
        )
    table = Table(table_rows, planned, results.values())
    comparison.write(FLAGS.output, table, training_curves(results), known)
    print("\n" + comparison.markdown(table) + f"\nOpen {FLAGS.output}/report.html.")


if __name__ == "__main__":
    command_line.run(main)
