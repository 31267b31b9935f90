"""How many labels does it take? mAP against the number of annotated clips, with stored labels in place of a person.

Evaluation 3 of Jansen et al. 2020. With a budget of N annotations, random selection annotates N random clips and learns
from these. A selection by clusters annotates one clip of each of the N largest clusters and learns from all of their
clips, which get its labels, right or wrong. Other strategies (`studies.simulated_annotation`) ask about other clips, at
the same cost. The classifier, the length of its training and the evaluated clips are the same.

A selection by clusters has one clustering, or several of different sizes: then each N takes the clustering with the
fewest clusters among those with at least N. Without one, there is no point.

The clips that can be asked about are all usable training clips; or, for each of some ratios, a pool of them whose
classes follow a Zipf law (`labelling.skewed_pools`), drawn anew in each trial. Clips of other stores may join them.

In the grid (`studies.grid`) a split is a pool, a row is a strategy, a task is a budget, and a seed is a trial.

Shapes: n training clips.
"""

import dataclasses
import os
from typing import Any, Dict, List, Mapping, Sequence

import numpy as np

from audioset_triplet import files, results
from audioset_triplet.clips import digest, digests
from audioset_triplet.config.label_curve import LabelCurveConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import label_curve, linear_head, metrics
from audioset_triplet.evaluation.label_curve import RANDOM, Curves, Point, PoolCurves
from audioset_triplet.evaluation.outside_clips import NONE
from audioset_triplet.evaluation.table import Cell, CellResult, Measurement, Row
from audioset_triplet.reports import label_curve_page
from audioset_triplet.store.scores import ClipScores
from audioset_triplet.studies import cells, grid, trial_pools
from audioset_triplet.studies.simulated_annotation import Labels, SimulatedAnnotation

_MIN_BUDGET = 10  # of the default budgets


def evaluate(cell: Cell, annotation: SimulatedAnnotation) -> Measurement:
    """Trains the classifier of a cell and measures it on the evaluated clips.

    Args:
        cell: its strategy, budget and trial.
        annotation: of its pool and trial.
    """
    split = annotation.split
    given = annotation.labels(cell.row, int(cell.task))
    measured = metrics.measure(_scores(annotation, given))
    labelled = np.flatnonzero([len(of_clip) > 0 for of_clip in given.labels])
    right = [set(given.labels[row]) == set(split.train.labels[row]) for row in labelled]
    met = {label for row in np.flatnonzero(given.is_annotated) for label in given.labels[row]}
    none = [label for label, name in split.class_names.items() if name == NONE]
    values = {
        "map": measured.map,
        "accuracy": measured.accuracy,
        "labelled_clips": len(labelled),
        "right": float(np.mean(right)),
        "num_clusters": given.num_clusters,
        "classes_met": len(met - set(none)),
        "pool_clips": len(annotation.rows),
        "pool_outside": sum(annotation.pool.num_clips.get(label, 0) for label in none),
        "pool_ratio": annotation.pool.ratio,
    }
    return Measurement(
        {name: [value] for name, value in values.items() if value is not None},
        {},
        len(split.evaluated.clip_ids),
        digest(split.evaluated.clip_ids),
    )


def _scores(annotation: SimulatedAnnotation, given: Labels) -> ClipScores:
    """The scores of the evaluated clips by a classifier of the given labels."""
    split, config = annotation.split, annotation.config
    is_labelled = np.array([len(of_clip) > 0 for of_clip in given.labels])
    if config.classifier == "linear":
        pool, evaluated = annotation.standardized
        of_pool = np.flatnonzero(is_labelled[annotation.rows])
        rows = annotation.rows[of_pool]
        labels = [given.labels[row] for row in rows]
        scores = linear_head.clip_scores(
            pool[of_pool], labels, given.weights[rows], evaluated, split.classes, config.penalty
        )
        return split.clip_scores(scores.astype(np.float32))
    from audioset_triplet.evaluation import classification  # here: TensorFlow takes seconds to load

    labelled_split = dataclasses.replace(
        split,
        train=dataclasses.replace(split.train, labels=given.labels),
        usable=is_labelled,
        weights=given.weights,
    )
    return classification.clip_scores(labelled_split, is_labelled, config.head, config.seed + annotation.trial)


def _settings(config: LabelCurveConfig) -> Dict[str, Any]:
    """What decides the results of cells, beside the clips and the clusterings."""
    return {
        "seed": config.seed,
        "member": config.selection.member,
        "annotated_weight": config.annotated_weight,
        "classifier": config.classifier,
        "penalty": config.penalty,
        **{f"rarest/{ratio:g}": rarest for ratio, rarest in config.pool.rarest_of.items()},
        "of_a_round": config.strategy.of_a_round,
        "single_every": config.strategy.single_every,
        "worth": config.strategy.worth,
        **{f"exemplar/{name}": value for name, value in dataclasses.asdict(config.exemplar).items()},
        **{f"head/{name}": value for name, value in dataclasses.asdict(config.head).items()},
    }


def default_budgets(num_clips: int) -> List[int]:
    """All clips, half of them, a quarter, ..., ascending."""
    budgets = [num_clips]
    while budgets[-1] // 2 >= _MIN_BUDGET:
        budgets.append(budgets[-1] // 2)
    return budgets[::-1]


def plan(rows_of_pool: Mapping[str, Sequence[Row]], trials: int) -> List[Cell]:
    """The cells, trial by trial and budget by budget: a curve that is stopped has the same trials of all strategies."""
    planned = [cell for pool, rows in rows_of_pool.items() for cell in cells.plan(rows, [pool], range(trials))]
    places = {pool: place for place, pool in enumerate(rows_of_pool)}
    return sorted(planned, key=lambda cell: (cell.seed, places[cell.split], int(cell.task)))


def curves(finished: Mapping[Cell, CellResult]) -> Dict[str, List[Point]]:
    """The points of each strategy in one pool, by ascending budget; random selection is the last."""
    together: Dict[str, Dict[int, Dict[int, CellResult]]] = {}
    for cell, result in finished.items():
        assert cell.seed is not None
        together.setdefault(cell.row, {}).setdefault(int(cell.task), {})[cell.seed] = result
    return {
        name: [
            _point(budget, trials, together.get(RANDOM, {}).get(budget, {}))
            for budget, trials in sorted(of_budgets.items())
        ]
        for name, of_budgets in sorted(together.items(), key=lambda item: item[0] == RANDOM)
    }


def _point(budget: int, trials: Mapping[int, CellResult], random: Mapping[int, CellResult]) -> Point:
    def values(measure: str) -> List[float]:
        return [value for trial in trials.values() for value in trial.values.get(measure, [])]

    gains = [trials[seed].values["map"][0] - random[seed].values["map"][0] for seed in trials if seed in random]
    return Point(
        budget=budget,
        map=float(np.mean(values("map"))),
        map_std=_std(values("map")),
        accuracy=float(np.mean(values("accuracy"))) if values("accuracy") else None,
        labelled_clips=float(np.mean(values("labelled_clips"))),
        right=float(np.mean(values("right"))),
        num_clusters=int(values("num_clusters")[0]),
        trials=len(trials),
        classes_met=float(np.mean(values("classes_met"))),
        gain=float(np.mean(gains)) if gains else 0.0,
        gain_std=_std(gains),
    )


def _std(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def pool_curves(name: str, ratio: float, finished: Mapping[Cell, CellResult]) -> PoolCurves:
    """The curves of a pool, of its finished cells; a UserError if an older version made them."""
    if not all("pool_ratio" in result.values for result in finished.values()):
        raise UserError("the folder has results of an older version: give another --output.")

    def mean(measure: str) -> float:
        return float(np.mean([result.values[measure][0] for result in finished.values()]))

    def of_trial(trial: int) -> Curves:
        return curves({cell: result for cell, result in finished.items() if cell.seed == trial})

    trials = sorted({cell.seed for cell in finished if cell.seed is not None})
    return PoolCurves(
        name=name,
        asked_ratio=ratio,
        ratio=mean("pool_ratio"),
        num_clips=mean("pool_clips"),
        num_outside=mean("pool_outside"),
        curves=curves(finished),
        of_trials=[of_trial(trial) for trial in trials],
    )


def run(config: LabelCurveConfig) -> str:
    """Fills the grid of a study, writes results.json and report.html, and returns the curves as text.

    Raises:
        UserError: a budget that is too large, or what `trial_pools.read`, `TrialPools` and `grid.fill` raise.
    """
    pools = trial_pools.read(config)
    split, names = pools.split, pools.names
    num_clips = {name: pools.num_clips(name) for name in names}
    if max(config.budgets, default=0) > max(num_clips.values()):
        raise UserError(
            f"--budgets must be at most {max(num_clips.values())}, the clips that can be queried, not "
            f"{max(config.budgets)}."
        )
    rows = {}
    for name in names:
        of_pool = [budget for budget in sorted(set(config.budgets)) if budget <= num_clips[name]]
        rows[name] = pools.annotation(name, 0).table_rows(of_pool or default_budgets(num_clips[name]))
    planned = plan(rows, config.trials)
    about: Dict[str, Any] = {
        "model_id": split.train.info.model_id,
        "front_end_id": split.train.info.front_end_id,
        **_settings(config),
        **digests(split.evaluated.clip_ids, split.train.clip_ids),
    }
    ratios = dict(zip(names, config.pool.ratios or [0.0]))

    def curves_of(finished: grid.Results) -> List[PoolCurves]:
        here = {
            name: {cell: finished[cell] for cell in planned if cell in finished and cell.split == name}
            for name in names
        }
        return [pool_curves(name, ratios[name], of_pool) for name, of_pool in here.items() if of_pool]

    study = grid.Study(
        output=config.output,
        kind="curve",
        rows=[row for of_pool in rows.values() for row in of_pool],
        cells=planned,
        settings={**about, "clusterings": pools.clusterings.facts},
        evaluate=lambda cell: evaluate(cell, pools.annotation(cell.split, int(cell.seed or 0))),
        report=lambda finished, _: write(config.output, curves_of(finished), about),
    )
    finished = grid.fill(study)
    return f"{label_curve_page.headline(curves_of(finished))}\nwrote {config.output}/results.json and report.html"


def write(output: str, pools: Sequence[PoolCurves], about: Mapping[str, Any]) -> None:
    """Writes results.json and report.html.

    Args:
        output: the folder.
        pools: the curves of each.
        about: what they were computed from.
    """
    results.write(output, label_curve.pool_numbers(pools), **about)
    facts = [(key.replace("_", " "), str(value)) for key, value in about.items()]
    page = label_curve_page.render(pools, about["model_id"], facts)
    files.write_text(os.path.join(output, "report.html"), page)
