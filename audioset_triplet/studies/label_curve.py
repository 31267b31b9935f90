"""How many labels does it take? mAP against the number of annotated clips, with stored labels in place of a person.

Evaluation 3 of Jansen et al. 2020. With a budget of N annotations, random selection annotates N random clips and learns
from these. A selection by clusters annotates one clip of each of the N largest clusters and learns from all of their
clips, which get its labels, right or wrong. The classifier, the length of its training (`HeadConfig`) and the evaluated
clips are the same.

A selection by clusters has one clustering, or several of different sizes: then each N takes the clustering with the
fewest clusters among those with at least N. Without one, there is no point.

In the grid (`studies.grid`) a row is a selection, a task is a budget, and a seed is a trial.

Shapes: n training clips.
"""

import dataclasses
import os
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from audioset_triplet import files, results
from audioset_triplet.clips import digest, digests
from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.config.studies import LabelCurveConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import label_curve, metrics, splits
from audioset_triplet.evaluation.label_curve import RANDOM, Point
from audioset_triplet.evaluation.splits import Split
from audioset_triplet.evaluation.table import Cell, CellResult, Measurement, Row
from audioset_triplet.labelling import clip_clusters, selection
from audioset_triplet.labelling.clip_clusters import ClipClusters
from audioset_triplet.records import globs
from audioset_triplet.reports import label_curve_page
from audioset_triplet.studies import cells, grid

_MIN_BUDGET = 10  # of the default budgets
_SPLIT = "split"  # name of the only one


class Labels(NamedTuple):
    """The labels of the training clips in one cell."""

    labels: List[Tuple[int, ...]]  # [n], empty for a clip without any
    is_annotated: np.ndarray  # bool [n]; the other labels come by propagation
    num_clusters: int  # of the clustering; 0: random selection


@dataclasses.dataclass(frozen=True)
class SimulatedAnnotation:
    """Which clips are annotated, and which labels follow; the stored labels stand in for a person's.

    Attributes:
        split: the clips of both sides; its usable training clips are the ones that can be queried.
        clusterings: name -> its clusterings of these clips, by ascending number of clusters.
        rows: int [m], of the usable training clips.
        member: which clip of a cluster is queried, see `selection.representative`.
        seed: of all draws.
    """

    split: Split
    clusterings: Mapping[str, Sequence[ClipClusters]]
    rows: np.ndarray
    member: str
    seed: int

    @property
    def num_clips(self) -> int:
        """How many clips can be queried."""
        return len(self.rows)

    def clustering(self, name: str, budget: int) -> Optional[ClipClusters]:
        """The clustering that a selection uses for a budget; None: there is none with that many clusters."""
        return next((clusters for clusters in self.clusterings[name] if clusters.num_used >= budget), None)

    def labels(self, name: str, budget: int, trial: int) -> Labels:
        """The labels after the annotation of `budget` clips.

        Args:
            name: of the selection: RANDOM, or one of the clusterings, which has to have that many clusters.
            budget: annotated clips.
            trial: draws differ between trials.
        """
        train = self.split.train
        labels: List[Tuple[int, ...]] = [()] * len(train.clip_ids)
        is_annotated = np.zeros(len(labels), bool)
        draw = f"{self.seed}/{trial}"
        if name == RANDOM:
            for row in selection.random_rows(self.rows, train.clip_ids, f"{draw}/{RANDOM}", budget):
                labels[row], is_annotated[row] = train.labels[row], True
            return Labels(labels, is_annotated, 0)
        clusters = self.clustering(name, budget)
        assert clusters is not None, (name, budget)
        probabilities = clusters.probabilities if self.member == "probable" else None
        for members in selection.largest_clusters(clusters.numbers, budget):
            queried = self.rows[selection.representative(members, clusters.clip_ids, draw, probabilities)]
            is_annotated[queried] = True
            for row in self.rows[members]:
                labels[row] = train.labels[queried]
        return Labels(labels, is_annotated, clusters.num_used)

    def table_rows(self, budgets: Sequence[int]) -> List[Row]:
        """A row for each selection, whose tasks are its budgets."""
        rows = [Row(RANDOM, RANDOM, tuple(map(str, budgets)))]
        for name in self.clusterings:
            possible = [str(budget) for budget in budgets if self.clustering(name, budget) is not None]
            rows.append(Row(name, name, tuple(possible)))
        return rows


def simulate(
    split: Split, clusterings: Mapping[str, Sequence[ClipClusters]], member: str, seed: int
) -> SimulatedAnnotation:
    """A simulated annotation of the usable training clips of a split.

    Raises:
        UserError: a clustering of other embeddings, or one that lacks a clip.
    """
    rows = np.flatnonzero(split.usable)
    ids = [split.train.clip_ids[row] for row in rows]
    restricted: Dict[str, List[ClipClusters]] = {}
    for name, several in clusterings.items():
        for clusters in several:
            if clusters.model_id != split.train.model_id:
                raise UserError(
                    f"{clusters.folder}: clusters embeddings of {clusters.model_id}, not of {split.train.model_id}; "
                    "cluster the embeddings of the training clips."
                )
        of_rows = [clusters.at(clusters.rows_of(ids)) for clusters in several]
        restricted[name] = sorted(of_rows, key=lambda clusters: clusters.num_used)
    return SimulatedAnnotation(split, restricted, rows, member, seed)


def evaluate(cell: Cell, annotation: SimulatedAnnotation, annotated_weight: float, head: HeadConfig) -> Measurement:
    """Trains the classifier of a cell and measures it on the evaluated clips.

    Args:
        cell: its selection, budget and trial.
        annotation: the clips and their labels.
        annotated_weight: weight in training of an annotated clip; others have 1.
        head: the classifier.
    """
    from audioset_triplet.evaluation import classification  # here: TensorFlow takes seconds to load

    assert cell.seed is not None
    split = annotation.split
    labels, is_annotated, num_clusters = annotation.labels(cell.row, int(cell.task), cell.seed)
    is_labelled = np.array([len(clip_labels) > 0 for clip_labels in labels])
    labelled_split = dataclasses.replace(
        split,
        train=dataclasses.replace(split.train, labels=labels),
        usable=is_labelled,
        weights=np.where(is_annotated, annotated_weight, 1.0).astype(np.float32),
    )
    scores = classification.clip_scores(labelled_split, is_labelled, head, annotation.seed + cell.seed)
    measured = metrics.measure(scores)
    right = [set(labels[row]) == set(split.train.labels[row]) for row in np.flatnonzero(is_labelled)]
    values = {
        "map": measured.map,
        "accuracy": measured.accuracy,
        "labelled_clips": int(is_labelled.sum()),
        "right": float(np.mean(right)),
        "num_clusters": num_clusters,
    }
    return Measurement(
        {name: [value] for name, value in values.items() if value is not None},
        {},
        len(split.evaluated.clip_ids),
        digest(split.evaluated.clip_ids),
    )


def default_budgets(num_clips: int) -> List[int]:
    """All clips, half of them, a quarter, ..., ascending."""
    budgets = [num_clips]
    while budgets[-1] // 2 >= _MIN_BUDGET:
        budgets.append(budgets[-1] // 2)
    return budgets[::-1]


def plan(rows: Sequence[Row], trials: int) -> List[Cell]:
    """The cells, trial by trial and budget by budget: a curve that is stopped has the same trials of all selections."""
    order = cells.plan(rows, [_SPLIT], range(trials))
    return sorted(order, key=lambda cell: (cell.seed, int(cell.task)))


def curves(finished: Mapping[Cell, CellResult]) -> Dict[str, List[Point]]:
    """The points of each selection, by ascending budget; random selection is the last."""
    together: Dict[str, Dict[int, List[CellResult]]] = {}
    for cell, result in finished.items():
        together.setdefault(cell.row, {}).setdefault(int(cell.task), []).append(result)
    return {
        name: [_point(budget, trials) for budget, trials in sorted(of_budgets.items())]
        for name, of_budgets in sorted(together.items(), key=lambda item: item[0] == RANDOM)
    }


def _point(budget: int, trials: Sequence[CellResult]) -> Point:
    def values(measure: str) -> List[float]:
        return [value for trial in trials for value in trial.values.get(measure, [])]

    return Point(
        budget=budget,
        map=float(np.mean(values("map"))),
        map_std=float(np.std(values("map"), ddof=1)) if len(trials) > 1 else 0.0,
        accuracy=float(np.mean(values("accuracy"))) if values("accuracy") else None,
        labelled_clips=float(np.mean(values("labelled_clips"))),
        right=float(np.mean(values("right"))),
        num_clusters=int(values("num_clusters")[0]),
        trials=len(trials),
    )


def run(config: LabelCurveConfig) -> str:
    """Fills the grid of a curve, writes results.json and report.html, and returns the curves as text.

    Raises:
        UserError: a clustering that does not fit, a budget that is too large, or what `grid.fill` raises.
    """
    train_folder = config.train_embeddings or config.embeddings
    split = splits.read_split(train_folder, config.train_folds, config.embeddings, config.folds)
    clusterings = read_clusterings(config.clusterings)
    annotation = simulate(split, clusterings, config.selection.member, config.seed)
    budgets = sorted(set(config.budgets)) or default_budgets(annotation.num_clips)
    if budgets[-1] > annotation.num_clips:
        raise UserError(
            f"--budgets must be at most {annotation.num_clips}, the clips that can be queried, not {budgets[-1]}."
        )
    rows = annotation.table_rows(budgets)
    planned = plan(rows, config.trials)
    about: Dict[str, Any] = {
        "model_id": split.train.info.model_id,
        "front_end_id": split.train.info.front_end_id,
        "seed": config.seed,
        "member": config.selection.member,
        "annotated_weight": config.annotated_weight,
        **{f"head/{name}": value for name, value in dataclasses.asdict(config.head).items()},
        **digests(split.evaluated.clip_ids, split.train.clip_ids),
    }
    facts = {name: [clusters.facts for clusters in several] for name, several in clusterings.items()}

    def curves_of(finished: grid.Results) -> Dict[str, List[Point]]:
        return curves({cell: finished[cell] for cell in planned if cell in finished})

    study = grid.Study(
        output=config.output,
        kind="curve",
        rows=rows,
        cells=planned,
        settings={**about, "clusterings": facts},
        evaluate=lambda cell: evaluate(cell, annotation, config.annotated_weight, config.head),
        report=lambda finished, _: write(config.output, curves_of(finished), about, annotation.num_clips),
    )
    finished = grid.fill(study)
    return f"{label_curve_page.headline(curves_of(finished))}\nwrote {config.output}/results.json and report.html"


def read_clusterings(named: Sequence[str]) -> Dict[str, List[ClipClusters]]:
    """Name -> its clusterings, of texts NAME=FOLDER or NAME=GLOB; a UserError for another text or a missing folder."""
    clusterings: Dict[str, List[ClipClusters]] = {}
    for text in named:
        name, _, pattern = text.partition("=")
        folders = globs.matches(pattern)
        if not name or not pattern or "/" in name or name in (RANDOM, *clusterings):
            raise UserError(f"--clusterings needs NAME=FOLDER, each name once and none of them random, not {text!r}.")
        if not folders:
            raise UserError(f"--clusterings={text}: no such folder.")
        clusterings[name] = [clip_clusters.read(folder) for folder in folders]
    return clusterings


def write(output: str, curves: Dict[str, List[Point]], about: Mapping[str, Any], num_clips: int) -> None:
    """Writes results.json and report.html.

    Args:
        output: the folder.
        curves: of each selection.
        about: what they were computed from.
        num_clips: that can be queried.
    """
    results.write(output, label_curve.flat_numbers(curves), **about)
    facts = [(key.replace("_", " "), str(value)) for key, value in about.items()]
    page = label_curve_page.render(curves, about["model_id"], num_clips, facts)
    files.write_text(os.path.join(output, "report.html"), page)
