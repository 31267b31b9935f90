"""A head from the ratings of a log and the stored embeddings of the rated clips, with its scores out of fold."""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

import audioset_triplet
from audioset_triplet.config.detection import RatedHeadConfig
from audioset_triplet.config.options import require
from audioset_triplet.detection import cross_validation, rated_events, rated_examples
from audioset_triplet.detection.peaks import Joining
from audioset_triplet.detection.rated_examples import Examples, Rated, WindowCache
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import rated_quality
from audioset_triplet.evaluation.rated_quality import ClassQuality, Counts, Threshold
from audioset_triplet.labelling import log_folder, votes
from audioset_triplet.plurals import counted
from audioset_triplet.store import embeddings, heads
from audioset_triplet.store.heads import Head, HeadInfo, ScoredRatings


class NothingToLearn(UserError):
    """No class has ratings of both kinds."""

    def __init__(self, left_out: Dict[str, str]) -> None:
        """`left_out`: name of a class -> what it lacks."""
        super().__init__(
            f"no class can be learned yet: {'; '.join(f'{name}: {why}' for name, why in left_out.items())}"
        )
        self.left_out = left_out


class Trained(NamedTuple):
    """A head, and what is known of it."""

    head: Head
    about: Sequence[str]  # lines: what it learned from


def of_workdir(workdir: str, folder: str, config: RatedHeadConfig) -> Trained:
    """A head from the annotation log of a folder.

    Args:
        workdir: of the log.
        folder: the embeddings.
        config: the head.

    Raises:
        UserError: what `log_folder.read`, `embeddings.read_info` and `train` raise.
    """
    log = log_folder.read(workdir)
    rated = rated_examples.of_log(log, config.voting)
    if not len(rated.pairs) and not votes.decided(log, config.voting):
        raise UserError(f"{workdir}: {votes.nothing_decided(log, config.voting)}.")
    return train(rated, WindowCache(folder), config)


def train(rated: Rated, cache: WindowCache, config: RatedHeadConfig) -> Trained:
    """A head.

    Args:
        rated: the ratings.
        cache: the embeddings.
        config: the head.

    Raises:
        NothingToLearn, UserError: no class has ratings of both kinds; what `rated_examples.join` raises.
    """
    store = embeddings.read_info(cache.folder)
    window_seconds, hop_seconds = rated_examples.window_times(cache.folder, config.window_seconds)
    examples = rated_examples.join(rated, cache, window_seconds)
    seed, kind = config.head_seed, config.classifier
    columns, layers = cross_validation.fit(examples, np.ones(len(examples), bool), kind, seed)
    left_out = _left_out(examples, columns)
    if not columns:
        raise NothingToLearn(left_out)
    out_of_fold = cross_validation.scores_out_of_fold(examples, kind, config.rating_folds, seed)
    joining = Joining(window_seconds, hop_seconds, config.max_gap_seconds)
    places = np.full(len(examples.classes), -1)
    places[columns] = np.arange(len(columns))
    of_head = places[examples.columns] >= 0
    info = HeadInfo(
        kind=kind,
        classes=tuple(examples.classes[column] for column in columns),
        model_id=store.model_id,
        front_end_id=store.front_end_id,
        embedding_size=store.embedding_size,
        window_seconds=window_seconds,
        hop_seconds=hop_seconds,
        max_gap_seconds=config.max_gap_seconds,
        ratings_digest=rated.digest,
        left_out=left_out,
        code_version=audioset_triplet.__version__,
    )
    scored = ScoredRatings(
        places[examples.columns[of_head]],
        out_of_fold.scores[of_head],
        examples.is_present[of_head],
        examples.is_random[of_head],
    )
    events = rated_events.of_ratings(examples, out_of_fold, columns, joining)
    return Trained(Head(info, layers, scored, events), rated_examples.in_words(rated, examples))


def given(path: str, workdir: str, folder: str, config: RatedHeadConfig) -> Trained:
    """The head of a file, or that of the log of a folder where there is no path.

    Raises:
        UserError: both are given, or none; a head of other embeddings; what `of_workdir` raises.
    """
    if bool(path) == bool(workdir):
        raise UserError(
            "give the head: --head=FOLDER of experiments.train_head, or --workdir of ratings, and not both."
        )
    if not path:
        return of_workdir(workdir, folder, config)
    asked = RatedHeadConfig(precision=config.precision, confidence=config.confidence)
    require(config == asked, "--head is trained already: flags of its training have no effect on it.")
    head = heads.read(path)
    head.require_same_model(embeddings.read_info(folder), folder, path)
    return Trained(head, [f"{counted(len(head.ratings.columns), 'rating')}, by {path}"])


def quality(head: Head, config: RatedHeadConfig, counts: Optional[Sequence[Counts]] = None) -> List[ClassQuality]:
    """How good a head is, class by class; those without a head come last.

    Args:
        head: with its ratings.
        config: the precision that is asked for.
        counts: of the archive, as for `rated_quality.measure`.
    """
    others = head.info.left_out.items()
    return [*measured(head, config, counts), *(ClassQuality(name, 0, 0, 0, problem=why) for name, why in others)]


def measured(head: Head, config: RatedHeadConfig, counts: Optional[Sequence[Counts]] = None) -> List[ClassQuality]:
    """The same without the classes that have no head."""
    return rated_quality.measure(head, config.precision, config.confidence, counts)


def numbers(qualities: Sequence[ClassQuality]) -> Dict[str, Any]:
    """Flat keys for results.json: head/map (over the classes that are measured), head/class/dog, ..."""
    known = [one.average_precision for one in qualities if one.average_precision is not None]
    values: Dict[str, Any] = {"head/map": float(np.mean(known))} if known else {}
    values["head/num_classes"] = len(known)
    for one in qualities:
        values.update({f"head/class/{one.name}/{name}": value for name, value in one.numbers().items()})
    return values


def about(head: Head) -> Dict[str, Any]:
    """What results.json says of a head."""
    names = ("model_id", "front_end_id", "ratings_digest")
    return {"head": head.id, **{name: getattr(head.info, name) for name in names}, "left_out": dict(head.info.left_out)}


def in_words(qualities: Sequence[ClassQuality]) -> List[str]:
    """A line for each class."""
    lines = []
    for one in qualities:
        if one.average_precision is None:
            lines.append(f"{one.name}: {one.problem}")
            continue
        text = f"{one.name}: average precision {one.average_precision:.3f}"
        if one.threshold:
            text += f", threshold {one.threshold.score:.3f}: {'; '.join(precision_in_words(one.threshold))}"
        lines.append(f"{text}; {one.problem}" if one.problem else text)
    return lines


def precision_in_words(threshold: Threshold) -> List[str]:
    """The precision of events, then that of windows."""
    kinds = {"events": threshold.events, "windows": threshold.windows}
    return [
        f"precision of {kind} {known.precision:.2f} ({known.low:.2f} to {known.high:.2f})"
        if known
        else f"precision of {kind} not known"
        for kind, known in kinds.items()
    ]


def _left_out(examples: Examples, columns: Sequence[int]) -> Dict[str, str]:
    """Why a class has no head, by its name."""
    reasons: Dict[str, str] = {}
    for column in sorted(set(range(len(examples.classes))) - set(columns)):
        of_class = examples.is_present[examples.columns == column]
        if of_class.size:
            found, lacking = ("present", "not present") if of_class.all() else ("not present", "present")
            reasons[examples.classes[column]] = f"{len(of_class)} {found} and none {lacking}: rate some that are"
        else:
            reasons[examples.classes[column]] = "its rated clips have no embeddings"
    return reasons
