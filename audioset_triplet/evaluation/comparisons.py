"""Several sets of embeddings or scores on the same clips: those of the model, and those that it is compared with."""

import dataclasses
from typing import Any, Callable, Dict, Generic, List, Mapping, Sequence, Tuple, TypeVar, Union

from audioset_triplet.clips import add_class_names, digests
from audioset_triplet.config.evaluation import (
    ClassificationConfig,
    ClipsConfig,
    EvaluationConfig,
    HeadConfig,
    KnnConfig,
    RetrievalConfig,
    ScoresConfig,
    SemiSupervisedConfig,
    SupervisedConfig,
)
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import knn, metrics, protocols, retrieval, semi_supervised, splits
from audioset_triplet.evaluation.metrics import ScoreMetrics
from audioset_triplet.evaluation.protocols import ProtocolResult
from audioset_triplet.evaluation.retrieval import RetrievalResult
from audioset_triplet.evaluation.semi_supervised import SemiSupervisedResult
from audioset_triplet.evaluation.splits import Split
from audioset_triplet.store import scores, stored_clips, weak_labels
from audioset_triplet.store.embedding_parts import StoreInfo
from audioset_triplet.store.stored_clips import StoredClips

MODEL = "model"
# Keys of results.json after the name of a task.
RESERVED_NAMES = (MODEL, "model_id", "class", "map_std", "prior", "num_classes", "classes_left_out", "num_clips")

Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class EmbeddingSet:
    """Folders with the embeddings of one model, or with the scores of one classifier."""

    name: str
    folder: str  # of the clips to evaluate
    train_folder: str  # of the labelled clips; may be the same


@dataclasses.dataclass(frozen=True)
class SetResult(Generic[Result]):
    """The result of one of the sets (of embeddings, of assignments) that are compared."""

    name: str
    model_id: str
    result: Result


def embedding_sets(
    folder: str, train_folder: str = "", compared: Mapping[str, str] = {}, train_compared: Mapping[str, str] = {}
) -> List[EmbeddingSet]:
    """The set of the model, and after it those that it is compared with.

    Args:
        folder: the model's embeddings of the clips to evaluate.
        train_folder: of the labelled clips; empty: the same folder.
        compared: name -> folder of other embeddings of the clips to evaluate.
        train_compared: name -> folder of their labelled clips; a name that is missing: the same folder.

    Raises:
        UserError: a name that is a key of results.json, or one in `train_compared` alone.
    """
    for name in [*compared, *train_compared]:
        if "/" in name or name.isdigit() or name in (*RESERVED_NAMES, *metrics.HEADLINE_NAMES):
            raise UserError(f"--compare needs a name of your own and without /, not {name!r}.")
    for name in train_compared:
        if name not in compared:
            raise UserError(f"--train_compare names {name}, which --compare does not.")
    others = [EmbeddingSet(name, other, train_compared.get(name, other)) for name, other in compared.items()]
    return [EmbeddingSet(MODEL, folder, train_folder or folder), *others]


@dataclasses.dataclass(frozen=True)
class RetrievalComparison:
    """Query by example on several embedding sets."""

    config: RetrievalConfig
    sets: Sequence[EmbeddingSet]
    clips: StoredClips  # of the model
    results: List[SetResult[RetrievalResult]]

    def class_titles(self) -> Dict[int, str]:
        """Class index -> unique name."""
        return metrics.class_titles(self.clips.class_names)

    def digests(self) -> Dict[str, str]:
        """Digests of the evaluated clips (`clips.digests`)."""
        return digests(self.clips.clip_ids)

    def numbers(self) -> Dict[str, Any]:
        """All numbers under flat keys, as for results.json."""
        titles = self.class_titles()
        numbers = _flat_numbers(
            "retrieval", self.results, lambda result, prefix: retrieval.flat_numbers(result, titles, prefix)
        )
        return {**numbers, "draws": self.config.draws, **self.digests(), **_about(self.clips.info, self.config)}


@dataclasses.dataclass(frozen=True)
class SupervisedComparison(Generic[Result]):
    """What the comparisons share that learn from labelled clips."""

    config: SupervisedConfig
    sets: Sequence[EmbeddingSet]
    split: Split  # of the model
    results: List[SetResult[Result]]

    def class_titles(self) -> Dict[int, str]:
        """Class index -> unique name."""
        return metrics.class_titles(self.split.class_names)

    def digests(self) -> Dict[str, str]:
        """Digests of the evaluated clips and of the training clips (`clips.digests`)."""
        return digests(self.split.evaluated.clip_ids, self.split.train.clip_ids)


@dataclasses.dataclass(frozen=True)
class ScoreComparison(SupervisedComparison[ScoreMetrics]):
    """Classification, or nearest neighbours, on several embedding sets."""

    config: Union[ClassificationConfig, KnnConfig]

    @property
    def task(self) -> str:
        """Its name among the tasks."""
        return "knn" if isinstance(self.config, KnnConfig) else "classification"

    def numbers(self) -> Dict[str, Any]:
        """All numbers under flat keys, as for results.json."""
        titles = self.class_titles()
        numbers = _flat_numbers(
            self.task, self.results, lambda result, prefix: metrics.flat_numbers(result, titles, prefix)
        )
        if isinstance(self.config, KnnConfig):
            settings: Dict[str, Any] = {"neighbours": self.config.neighbours, "temperature": self.config.temperature}
        else:
            settings = _head_numbers(self.config.head)
        return {**numbers, **settings, **self.digests(), **_about(self.split.evaluated.info, self.config)}


@dataclasses.dataclass(frozen=True)
class SemiSupervisedComparison(SupervisedComparison[SemiSupervisedResult]):
    """Classification with few labels on several embedding sets."""

    config: SemiSupervisedConfig

    def numbers(self) -> Dict[str, Any]:
        """All numbers under flat keys, as for results.json."""
        numbers = _flat_numbers("semi_supervised", self.results, semi_supervised.flat_numbers)
        model = self.results[0].result
        for count in model.counts:
            numbers[f"semi_supervised/{count}/classes_short"] = len(model.short_classes[count])
            numbers[f"semi_supervised/{count}/labelled_clips"] = model.num_labelled[count]
        about = _about(self.split.evaluated.info, self.config)
        return {**numbers, **_head_numbers(self.config.head), **self.digests(), **about}


@dataclasses.dataclass(frozen=True)
class ProtocolComparison:
    """The scores of several classifiers, each under several protocols."""

    config: ScoresConfig
    sets: Sequence[EmbeddingSet]
    clip_ids: List[str]  # evaluated
    class_names: Dict[int, str]  # of all sets
    results: List[SetResult[ProtocolResult]]

    def class_titles(self) -> Dict[int, str]:
        """Class index -> unique name."""
        return metrics.class_titles(self.class_names)

    def digests(self) -> Dict[str, str]:
        """Digests of the evaluated clips (`clips.digests`)."""
        return digests(self.clip_ids)

    def numbers(self) -> Dict[str, Any]:
        """All numbers under flat keys, as for results.json."""
        titles = self.class_titles()
        numbers: Dict[str, Any] = {}
        for one in self.results:
            name = "" if one.name == MODEL else one.name
            numbers.update(protocols.flat_numbers(one.result, titles, name))
            numbers[f"scores/{name}/model_id" if name else "model_id"] = one.model_id
        return {**numbers, "threshold": metrics.THRESHOLD, **self.digests()}


Comparison = Union[RetrievalComparison, ScoreComparison, SemiSupervisedComparison, ProtocolComparison]


def compare(config: ClipsConfig, sets: Sequence[EmbeddingSet]) -> Comparison:
    """Runs the evaluation of a config on all sets.

    Args:
        config: one of the classes in `config.evaluation.TASKS`.
        sets: of `embedding_sets`.

    Raises:
        UserError: sets of different clips, before anything is computed; what the evaluation raises.
    """
    if isinstance(config, ScoresConfig):
        return _compare_scores(config, sets)
    if isinstance(config, RetrievalConfig):
        return _compare_retrieval(config, sets)
    if isinstance(config, KnnConfig):
        knn_config = config
        return ScoreComparison(config, sets, *_evaluate(config, sets, lambda split: knn.evaluate(knn_config, split)))
    if isinstance(config, ClassificationConfig):
        from audioset_triplet.evaluation import classification  # here: TensorFlow takes seconds to load

        head_config = config
        results = _evaluate(config, sets, lambda split: classification.evaluate(head_config, split))
        return ScoreComparison(config, sets, *results)
    if isinstance(config, SemiSupervisedConfig):
        few_config = config
        return SemiSupervisedComparison(
            config, sets, *_evaluate(config, sets, lambda split: semi_supervised.evaluate(few_config, split))
        )
    raise TypeError(f"{type(config).__name__} is no task")


def _compare_retrieval(config: RetrievalConfig, sets: Sequence[EmbeddingSet]) -> RetrievalComparison:
    model, *compared = sets
    clips = stored_clips.read_clips(model.folder, config.folds)
    for other in compared:
        stored_clips.require_same_clips(
            clips, model.folder, stored_clips.read_clips(other.folder, config.folds), other.folder
        )
    results = [SetResult(model.name, clips.model_id, retrieval.evaluate(config, clips))]
    for other in compared:
        other_clips = stored_clips.read_clips(other.folder, config.folds)
        results.append(SetResult(other.name, other_clips.model_id, retrieval.evaluate(config, other_clips)))
    return RetrievalComparison(config, sets, clips, results)


def _compare_scores(config: ScoresConfig, sets: Sequence[EmbeddingSet]) -> ProtocolComparison:
    annotations = protocols.read_annotations(config)
    model = protocols.read_clip_scores(sets[0].folder, config.folds)
    class_names = dict(model.class_names)
    results = []
    for one in sets:
        clips = model if one is sets[0] else protocols.read_clip_scores(one.folder, config.folds)
        scores.require_same_clips(model, sets[0].folder, clips, one.folder)
        add_class_names(class_names, clips.class_names.items(), f"{sets[0].folder} and {one.folder}")
        result = protocols.evaluate(one.folder, config.folds, clips, annotations)
        results.append(SetResult(one.name, protocols.model_id(one.folder), result))
    return ProtocolComparison(config, sets, model.clip_ids, class_names, results)


def _evaluate(
    config: SupervisedConfig, sets: Sequence[EmbeddingSet], evaluate: Callable[[Split], Result]
) -> Tuple[Split, List[SetResult[Result]]]:
    """The split of the model, and the result of each set on the same clips."""
    model, *compared = sets
    model_split = _read_split(config, model)
    for other in compared:  # checked before the first is evaluated; read again for it, since ids take memory
        split = _read_split(config, other)
        stored_clips.require_same_clips(model_split.evaluated, model.folder, split.evaluated, other.folder)
        stored_clips.require_same_clips(model_split.train, model.train_folder, split.train, other.train_folder)
    results = [SetResult(model.name, model_split.evaluated.model_id, evaluate(model_split))]
    for other in compared:
        split = _read_split(config, other)
        results.append(SetResult(other.name, split.evaluated.model_id, evaluate(split)))
    return model_split, results


def _read_split(config: SupervisedConfig, one: EmbeddingSet) -> Split:
    labels, weight = None, 1.0
    if isinstance(config, ClassificationConfig) and config.weak_labels:
        labels, weight = weak_labels.read(config.weak_labels), config.annotated_weight
    return splits.read_split(one.train_folder, config.train_folds, one.folder, config.folds, labels, weight)


def _flat_numbers(
    task: str, results: Sequence[SetResult[Result]], flat_numbers: Callable[[Result, str], Mapping[str, Any]]
) -> Dict[str, Any]:
    model, *compared = results
    numbers = dict(flat_numbers(model.result, task))
    for other in compared:
        numbers.update(flat_numbers(other.result, f"{task}/{other.name}"))
        numbers[f"{task}/{other.name}/model_id"] = other.model_id
    return numbers


def _head_numbers(head: HeadConfig) -> Dict[str, Any]:
    return {f"head/{name}": value for name, value in dataclasses.asdict(head).items()}


def _about(info: StoreInfo, config: EvaluationConfig) -> Dict[str, Any]:
    return {"model_id": info.model_id, "front_end_id": info.front_end_id, "seed": config.seed}
