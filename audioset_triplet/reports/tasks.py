"""The tasks of `experiments.evaluate`: from folders of embeddings to numbers, a headline and a page.

Every task has one shape, `Request` -> `Outcome`, and treats the model and what it is compared with alike.
"""

import dataclasses
import json
import os
from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy as np

import audioset_triplet
from audioset_triplet import files
from audioset_triplet.clips import digests as clips_digests
from audioset_triplet.clips import in_words
from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import knn, metrics, retrieval, splits
from audioset_triplet.evaluation.metrics import ScoreMetrics
from audioset_triplet.evaluation.splits import Split
from audioset_triplet.reports.page import NamedResult
from audioset_triplet.store import embeddings, weak_labels
from audioset_triplet.store import stored_clips as stored
from audioset_triplet.store.stored_clips import Clips

_NAME_WIDTH = 24  # of the headline's first column


@dataclasses.dataclass(frozen=True)
class Source:
    """One set of embeddings."""

    name: str
    folder: str  # of the clips to be evaluated
    train_folder: str  # of the labelled clips; may be the same


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be measured; a task reads what concerns it."""

    sources: Sequence[Source]  # the model's first
    folds: Tuple[int, ...] = ()  # to be evaluated; empty: all
    train_folds: Tuple[int, ...] = ()  # of the labelled clips; empty: all
    seed: int = 0
    draws: int = 5
    head: HeadConfig = HeadConfig()
    labels_per_class: Tuple[int, ...] = (1, 5, 10, 20)
    trials: int = 3
    k: int = knn.K
    temperature: float = knn.TEMPERATURE
    data: str = ""  # TFRecords of the clips, for spectrograms and sounds
    saved_model: str = ""  # for its filters
    train_labels: str = ""  # weak_labels.csv: what is learned from, instead of the labels that are stored
    asked_weight: float = 1.0  # what a clip counts that was asked about, beside one that got its label from it


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What was found."""

    numbers: Dict[str, Any]  # flat keys
    headline: str  # a table to print
    page: str  # HTML

    def write(self, folder: str, embeddings_folder: str, seed: int) -> None:
        """Writes results.json, with what was measured of which model, and report.html to a folder."""
        info = embeddings.read_info(embeddings_folder)
        run = {
            "model_id": info.model_id,
            "front_end_id": info.front_end_id,
            "code_version": audioset_triplet.__version__,
            "seed": seed,
        }
        os.makedirs(folder, exist_ok=True)
        files.write_text(os.path.join(folder, "results.json"), json.dumps({**self.numbers, **run}, indent=2) + "\n")
        files.write_text(os.path.join(folder, "report.html"), self.page)


def retrieval_task(request: Request) -> Outcome:
    """Query by example (`retrieval`)."""
    from audioset_triplet.reports import retrieval_page

    retrieval_page.check_inputs(request.data, request.saved_model)  # before the work, not after it
    model, *compared = request.sources
    clips = stored.read_clips(model.folder, request.folds)
    for source in compared:
        others = stored.read_clips(source.folder, request.folds)
        stored.require_same_clips(clips, model.folder, others, source.folder)
    sets = [NamedResult(model.name, clips.model_id, retrieval.evaluate(clips, request.draws, request.seed))]
    for source in compared:
        others = stored.read_clips(source.folder, request.folds)
        result = retrieval.evaluate(others, request.draws, request.seed)
        sets.append(NamedResult(source.name, others.model_id, result))
    titles, result = metrics.class_titles(clips.class_names), sets[0].result
    rows = [[one.name, one.result.map, one.result.map_std] for one in sets]
    rows.append(["random order (prior)", result.prior])
    num_draws = f"{request.draws} draws"
    counted = f"{len(result.class_average_precision)} classes, {result.num_clips} clips, {num_draws}; "
    digests = clips_digests(clips.clip_ids)
    headline = _table(["retrieval", "mAP", "± of draws"], rows) + counted + _left_out(result.classes_left_out)
    facts = [
        *_clip_facts(clips, "clips"),
        ("classes", f"{len(titles)}, of which {len(result.classes_left_out)} left out"),
        ("pairs", f"{num_draws} of at most {retrieval.CLIPS_PER_CLASS} clips per class, seed {request.seed}"),
        *_source_facts(request, sets, clips),
    ]
    named = in_words(digests)
    page = retrieval_page.render(clips, titles, sets, facts, named, request.seed, request.data, request.saved_model)
    numbers = _numbers("retrieval", sets, lambda one, prefix: retrieval.flat_numbers(one, titles, prefix))
    return Outcome({**numbers, "draws": request.draws, **digests}, f"{headline}\n{named}", page)


def classification_task(request: Request) -> Outcome:
    """A classifier on frozen embeddings (`classification`)."""
    from audioset_triplet.evaluation import classification

    def evaluate(split: Split) -> ScoreMetrics:
        return metrics.measure(classification.clip_scores(split, split.usable, request.head, request.seed))

    facts = [("classifier", _head_in_words(request.head)), ("seed", str(request.seed))]
    if request.train_labels:
        facts.append(("labels of the training clips", request.train_labels))
    outcome = _score_task("classification", request, evaluate, facts)
    return dataclasses.replace(outcome, numbers={**outcome.numbers, **_head_numbers(request.head)})


def knn_task(request: Request) -> Outcome:
    """Votes of the nearest labelled clips (`knn`)."""

    def evaluate(split: Split) -> ScoreMetrics:
        return metrics.measure(knn.clip_scores(split, request.k, request.temperature))

    outcome = _score_task(
        "knn", request, evaluate, [("neighbours", f"{request.k}, weighted by exp(cosine / {request.temperature:g})")]
    )
    return dataclasses.replace(
        outcome, numbers={**outcome.numbers, "neighbours": request.k, "temperature": request.temperature}
    )


def semi_supervised_task(request: Request) -> Outcome:
    """A classifier that sees few labels (`semi_supervised`)."""
    from audioset_triplet.evaluation import semi_supervised
    from audioset_triplet.reports import score_pages

    def evaluate(split: Split) -> Dict[int, List[ScoreMetrics]]:
        return semi_supervised.evaluate_split(
            split, request.head, request.labels_per_class, request.trials, request.seed
        )

    split, sets = _evaluate_splits(request, evaluate)
    titles = metrics.class_titles(split.class_names)
    counts = sorted(sets[0].result)
    short = {count: len(semi_supervised.short_classes(split, count)) for count in counts}
    shown = {
        count: int(semi_supervised.labelled(split, semi_supervised.ranked_clips(split, request.seed, 0), count).sum())
        for count in counts
    }
    first = sets[0].result[counts[0]][0]
    names = ["map"] if first.accuracy is None else ["map", "accuracy"]
    rows = [
        [f"{one.name}, {count} per class"]
        + [value for name in names for value in semi_supervised.mean_and_std(one.result[count], name)]
        for one in sets
        for count in counts
    ]
    rows.append(["random order", first.prior])
    header = ["semi_supervised", "mAP", "± of draws"] + ["accuracy", "± of draws"] * (len(names) - 1)
    headline = _table(header, rows) + _counted(first, request) + f"; {request.trials} trials\n"
    headline += "".join(
        f"{short[count]} classes have fewer than {count} clips to be labelled and give all they have\n"
        for count in counts
        if short[count]
    )
    facts = [
        *_split_facts(split, first),
        ("labelled clips", ", ".join(f"{shown[count]} at {count} per class" for count in counts) + " (first trial)"),
        ("classes with fewer clips than that", ", ".join(f"{short[count]} at {count}" for count in counts)),
        ("trials", f"{request.trials}, seed {request.seed}"),
        ("classifier", _head_in_words(request.head)),
        *_source_facts(request, sets, split.evaluated),
    ]
    numbers = _numbers("semi_supervised", sets, semi_supervised.flat_numbers)
    for count in counts:
        numbers[f"semi_supervised/{count}/classes_short"] = short[count]
        numbers[f"semi_supervised/{count}/labelled_clips"] = shown[count]
    digests = clips_digests(split.evaluated.clip_ids, split.train.clip_ids)
    numbers.update({**_head_numbers(request.head), **digests})
    named = in_words(digests)
    page = score_pages.render_semi_supervised(titles, sets, facts, named, short[counts[-1]])
    return Outcome(numbers, headline + named, page)


TASKS: Dict[str, Callable[[Request], Outcome]] = {
    "retrieval": retrieval_task,
    "classification": classification_task,
    "semi_supervised": semi_supervised_task,
    "knn": knn_task,
}
# What results.json uses itself after the name of a task.
RESERVED_NAMES = ("model", "model_id", "class", "map_std", "prior", "num_classes", "classes_left_out", "num_clips")


def sources(folder: str, train_folder: str, compared: Dict[str, str], train_compared: Dict[str, str]) -> List[Source]:
    """The model's embeddings and, under their names, those that it is compared with.

    Labelled clips stand in the same folder as those to be evaluated unless another is given.

    Raises:
        UserError: a name that results.json needs itself, or a second folder for a name that has no first.
    """
    for name in [*compared, *train_compared]:
        if "/" in name or name.isdigit() or name in (*RESERVED_NAMES, *metrics.HEADLINE_NAMES):
            raise UserError(f"--compare needs a name of your own and without /, not {name!r}.")
    for name in train_compared:
        if name not in compared:
            raise UserError(f"--train_compare names {name}, which --compare does not.")
    found = [Source("model", folder, train_folder or folder)]
    for name, other in compared.items():
        found.append(Source(name, other, train_compared.get(name, other)))
    return found


def _score_task(
    task: str, request: Request, evaluate: Callable[[Split], ScoreMetrics], facts: List[Tuple[str, str]]
) -> Outcome:
    from audioset_triplet.reports import score_pages

    split, sets = _evaluate_splits(request, evaluate)
    titles = metrics.class_titles(split.class_names)
    first: ScoreMetrics = sets[0].result
    names = {"map": "mAP", "auc": "AUC", "d_prime_of_mean_auc": "d'(AUC)", "mean_d_prime": "mean d'", "eer": "EER"}
    if first.accuracy is not None:
        names["accuracy"] = "accuracy"
    rows = [[one.name, *(getattr(one.result, name) for name in names)] for one in sets]
    rows.append(["random order", first.prior])
    headline = _table([task, *names.values()], rows) + _counted(first, request)
    facts = [*_split_facts(split, first), *facts, *_source_facts(request, sets, split.evaluated)]
    numbers = _numbers(task, sets, lambda one, prefix: metrics.flat_numbers(one, titles, prefix))
    digests = clips_digests(split.evaluated.clip_ids, split.train.clip_ids)
    named = in_words(digests)
    page = score_pages.render_scores(task, titles, sets, facts, named)
    return Outcome({**numbers, **digests}, f"{headline}\n{named}", page)


def _evaluate_splits(request: Request, evaluate: Callable[[Split], Any]) -> Tuple[Split, List[NamedResult]]:
    """The model's clips, and what was found for each source on the same clips."""
    model, *compared = request.sources
    model_split = _read_split(request, model)
    for source in compared:  # all of them before the first is evaluated; none is kept, since ids take memory too
        split = _read_split(request, source)
        stored.require_same_clips(model_split.evaluated, model.folder, split.evaluated, source.folder)
        stored.require_same_clips(model_split.train, model.train_folder, split.train, source.train_folder)
    sets = [NamedResult(model.name, model_split.evaluated.model_id, evaluate(model_split))]
    for source in compared:
        split = _read_split(request, source)
        sets.append(NamedResult(source.name, split.evaluated.model_id, evaluate(split)))
    return model_split, sets


def _read_split(request: Request, source: Source) -> Split:
    labels = weak_labels.read(request.train_labels) if request.train_labels else None
    return splits.read_split(
        source.train_folder, request.train_folds, source.folder, request.folds, labels, request.asked_weight
    )


def _numbers(
    task: str, sets: Sequence[NamedResult], flat_numbers: Callable[[Any, str], Dict[str, Any]]
) -> Dict[str, Any]:
    model, *compared = sets
    numbers = dict(flat_numbers(model.result, task))
    for one in compared:
        numbers.update(flat_numbers(one.result, f"{task}/{one.name}"))
        numbers[f"{task}/{one.name}/model_id"] = one.model_id
    return numbers


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = ["".join([f"{header[0]:{_NAME_WIDTH}}", *(f" {name:>10}" for name in header[1:])])]
    lines += ["".join([f"{name:{_NAME_WIDTH}}", *(f" {value:10.3f}" for value in values)]) for name, *values in rows]
    return "\n".join(lines) + "\n"


def _left_out(classes: Sequence[int]) -> str:
    return f"left out for want of clips: {len(classes)} classes"


def _counted(measured: ScoreMetrics, request: Request) -> str:
    folds = f" of fold {', '.join(map(str, request.folds))}" if request.folds else ""
    return (
        f"{len(measured.class_auc)} classes, {measured.num_clips} clips{folds}; {_left_out(measured.classes_left_out)}"
    )


def _head_in_words(head: HeadConfig) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in dataclasses.asdict(head).items()).replace("_", " ")


def _head_numbers(head: HeadConfig) -> Dict[str, Any]:
    return {f"head/{name}": value for name, value in dataclasses.asdict(head).items()}


def _clip_facts(clips: Clips, what: str) -> List[Tuple[str, str]]:
    folds = ", ".join(str(fold) if fold >= 0 else "none" for fold in np.unique(clips.folds))
    return [(what, str(len(clips.clip_ids))), (f"folds of {what}" if what != "clips" else "folds", folds)]


def _split_facts(split: Split, measured: ScoreMetrics) -> List[Tuple[str, str]]:
    return [
        *_clip_facts(split.train, "training clips"),
        ("not used, without a label or of evaluated recordings", str(int((~split.usable).sum()))),
        *_clip_facts(split.evaluated, "evaluated clips"),
        ("classes", f"{len(split.classes)}, of which {len(measured.classes_left_out)} left out"),
    ]


def _source_facts(request: Request, sets: Sequence[NamedResult], clips: Clips) -> List[Tuple[str, str]]:
    model = request.sources[0]
    folders = [("embeddings", model.folder)]
    if model.train_folder != model.folder:
        folders.append(("training embeddings", model.train_folder))
    return [
        *folders,
        *((one.name, one.model_id) for one in sets),
        ("front end", clips.info.front_end_id),
        ("code version", audioset_triplet.__version__),
    ]
