"""Writes questions: chosen by scores, by clusters, or taken from a file; without those that an annotation log has.

Shapes: n rows (clips or windows), C classes that are asked about.
"""

import os
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from audioset_triplet import tables
from audioset_triplet.config.asking import AskConfig
from audioset_triplet.config.options import require
from audioset_triplet.errors import UserError
from audioset_triplet.labelling import clip_clusters, log_folder, selection, selection_by_score
from audioset_triplet.labelling.annotation_log import AnnotationLog
from audioset_triplet.labelling.events import interval_of
from audioset_triplet.store import embeddings, heads, questions, scores, window_scores
from audioset_triplet.store.questions import CLUSTER, FILE, RANDOM, Questions


class _Scored(NamedTuple):
    """n clips or windows with their scores."""

    clip_ids: Sequence[str]
    starts: np.ndarray  # [n] float64; NaN: whole clips
    ends: np.ndarray  # [n]
    scores: np.ndarray  # [n, C]
    names: Sequence[str]  # [C]
    details: Dict[str, Any]


class _Row(NamedTuple):
    clip_id: str
    start: float
    end: float
    label: str
    score: float
    details: Dict[str, Any]
    source: str


def ask(config: AskConfig) -> Questions:
    """The questions.

    Raises:
        UserError: scores, clusters or questions that are not given or cannot be read; a class that has no scores; no
            question is left.
    """
    needed = {CLUSTER: ["assignments"], FILE: ["questions"]}.get(config.source, ["scores", "head"])
    is_given = any(getattr(config, name) for name in needed)
    require(is_given, f"--source={config.source} needs --{', or --'.join(needed)}.")
    has_log = config.workdir and os.path.exists(os.path.join(config.workdir, log_folder.NAME))
    log = log_folder.read(config.workdir) if has_log else None
    rows = {CLUSTER: _of_clusters, FILE: _of_file}.get(config.source, _by_score)(config, log)
    if not rows:
        raise UserError(f"--source={config.source}: no question is left that was not asked before.")
    clip_ids, labels, sources = (np.empty(len(rows), object) for _ in range(3))
    clip_ids[:], labels[:], sources[:] = zip(*((row.clip_id, row.label, row.source) for row in rows))
    return Questions(
        clip_ids=clip_ids,
        start_seconds=np.array([row.start for row in rows], np.float64),
        end_seconds=np.array([row.end for row in rows], np.float64),
        labels=labels,
        scores=np.array([row.score for row in rows], np.float64),
        sources=sources,
        details=[row.details for row in rows],
    )


def _was_asked(log: Optional[AnnotationLog], clip_id: str, start: float, end: float, label: str) -> bool:
    times = (None if np.isnan(time) else time for time in (start, end))
    return log is not None and log.was_asked(interval_of(clip_id, *times), label)


def _by_score(config: AskConfig, log: Optional[AnnotationLog]) -> List[_Row]:
    scored = _read_scores(config)
    names = [f"{clip_id}/{start}" for clip_id, start in zip(scored.clip_ids, scored.starts)]
    same = selection_by_score.drawn(names, config.seed) if config.source == RANDOM else None

    def chosen(column: int) -> List[int]:
        of_class = scored.scores[:, column]
        rows = selection_by_score.ranked(of_class, config.source, config.near) if same is None else same

        def was_asked(row: int) -> bool:
            return _was_asked(log, scored.clip_ids[row], scored.starts[row], scored.ends[row], scored.names[column])

        return selection_by_score.take(rows, scored.clip_ids, config.per_class, config.max_per_clip, was_asked)

    pairs = selection_by_score.in_turn([chosen(column) for column in range(len(scored.names))], config.budget)
    return [
        _Row(
            scored.clip_ids[row],
            scored.starts[row],
            scored.ends[row],
            scored.names[column],
            float(scored.scores[row, column]),
            scored.details,
            config.source,
        )
        for column, row in pairs
    ]


def _read_scores(config: AskConfig) -> _Scored:
    """The scores of the classes that are asked about."""
    if config.head:
        return _scored_by_head(config)
    if os.path.isdir(config.scores) and config.unit == "windows":
        info = window_scores.read_info(config.scores)
        columns, names = _columns(config, info.class_names)
        of_windows = (
            (batch.clip_ids, batch.window_start_seconds, batch.scores[:, columns])
            for batch in window_scores.read_batches(config.scores, config.folds)
        )
        return _windows(
            config.scores, config.folds, of_windows, info.window_seconds, names, {"model_id": info.model_id}
        )
    is_folder = os.path.isdir(config.scores)
    of_clips = window_scores.clip_scores(config.scores, config.folds) if is_folder else scores.read(config.scores)
    columns, names = _columns(config, [of_clips.class_names[label] for label in of_clips.classes])
    whole = np.full(len(of_clips.clip_ids), np.nan)
    return _Scored(of_clips.clip_ids, whole, whole, of_clips.scores[:, columns], names, {})


def _scored_by_head(config: AskConfig) -> _Scored:
    """The scores of the windows of a store by a head."""
    head = heads.read(config.head)
    head.require_same_model(embeddings.read_info(config.embeddings), config.embeddings, config.head)
    columns, names = _columns(config, head.info.classes)
    of_windows = (
        (batch.clip_ids, batch.window_start_seconds, head.scores(batch.embeddings)[:, columns])
        for batch in embeddings.read_batches(config.embeddings, config.folds)
    )
    return _windows(config.embeddings, config.folds, of_windows, head.info.window_seconds, names, {"head": head.id})


def _windows(
    folder: str,
    folds: Sequence[int],
    batches: Iterable[Tuple[np.ndarray, np.ndarray, np.ndarray]],
    window_seconds: float,
    names: Sequence[str],
    details: Dict[str, Any],
) -> _Scored:
    """The windows of batches of clip ids, starts and scores; a UserError where there is none."""
    clip_ids: List[str] = []
    starts, scores_of = [], []
    for ids, of_batch, values in batches:
        clip_ids += ids.tolist()
        starts.append(of_batch.astype(np.float64))
        scores_of.append(values)
    if not clip_ids:
        raise UserError(f"{folder}: holds no clip of fold {', '.join(map(str, folds))}.")
    start = np.round(np.concatenate(starts), 3)
    return _Scored(clip_ids, start, np.round(start + window_seconds, 3), np.concatenate(scores_of), names, details)


def _columns(config: AskConfig, names: Sequence[str]) -> Tuple[List[int], List[str]]:
    """The columns of the classes that are asked about, and their names."""
    columns = []
    for label in config.labels:
        known = tables.meant(label, names)
        if known is None:
            raise UserError(
                f"--labels: {config.head or config.scores} has no scores of {label!r}{tables.hint(label, names)}"
            )
        columns.append(list(names).index(known))
    columns = columns or list(range(len(names)))
    return columns, [names[column] for column in columns]


def _of_clusters(config: AskConfig, log: Optional[AnnotationLog]) -> List[_Row]:
    """ "What is it?" of a clip of each cluster, the largest clusters first."""
    clusters = clip_clusters.read(config.assignments)
    probabilities = clusters.probabilities if config.member == "probable" else None
    rows: List[_Row] = []
    for members in selection.largest_clusters(clusters.numbers, len(clusters.clip_ids)):
        if config.budget and len(rows) == config.budget:
            break
        if any(_was_asked(log, clusters.clip_ids[row], np.nan, np.nan, "") for row in members):
            continue
        row = selection.representative(members, clusters.clip_ids, str(config.seed), probabilities)
        details = {"cluster": int(clusters.numbers[row]), "cluster_size": len(members)}
        facts = {**clusters.facts, **details}
        rows.append(_Row(clusters.clip_ids[row], np.nan, np.nan, "", np.nan, facts, CLUSTER))
    return rows


def _of_file(config: AskConfig, log: Optional[AnnotationLog]) -> List[_Row]:
    read = questions.read(config.questions)
    columns = (
        read.clip_ids,
        read.start_seconds,
        read.end_seconds,
        read.labels,
        read.scores,
        read.details,
        read.sources,
    )
    rows = [_Row(*values) for values in zip(*columns)]
    left = [row for row in rows if not _was_asked(log, row.clip_id, row.start, row.end, row.label)]
    return left[: config.budget] if config.budget else left
