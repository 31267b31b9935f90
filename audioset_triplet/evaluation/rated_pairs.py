"""Evaluation on explicit negatives: each class is measured on the intervals that are rated for it, and on no others.

The usual protocol takes every clip without a label for a negative. Here a negative is one that a person has rated, as
in the "explicit hard negatives" of the AudioSet talk (mean prior 0.282) and in AudioSet's framed positives and
negatives (Hershey et al. 2021). What ratings say together: `ratings.decide`; which score a rated interval has:
`window_overlap.window_weights`.

Shapes: m pairs, W windows of a clip, C classes.
"""

import collections
from typing import Dict, List, Mapping, Sequence

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import metrics, window_overlap
from audioset_triplet.evaluation.annotated import Annotated, AnnotatedMetrics
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.store import window_scores
from audioset_triplet.store.ratings import RatedPairs


def evaluate(folder: str, folds: Sequence[int], rated: Annotated[RatedPairs]) -> AnnotatedMetrics:
    """Measures the scores of a folder on rated pairs.

    A pair of a class that the scores do not have, of a clip that is not among them, or outside the windows of its clip
    is left out and counted.

    Raises:
        UserError: what `window_scores.read_clips` raises; no pair is left, or none of them can be ranked.
    """
    info = window_scores.read_info(folder)
    pairs = rated.intervals
    if not len(pairs):
        raise UserError(f"{rated.path}: decides no pair: each of its ratings is UNSURE, or contradicts another.")
    matched = rated.match(info.names)
    columns = {label: info.classes.index(index) for label, index in matched.classes.items()}
    column = np.array([columns.get(label, -1) for label in pairs.labels])
    rows_of = rows_by_clip(pairs.clip_ids)
    scores = np.full(len(pairs), np.nan, np.float32)
    is_scored = np.zeros(len(pairs), bool)
    clips = window_scores.read_clips(folder, folds)
    for clip in progress_bar(clips, "rated pairs", "clips", leave=False):
        rows = rows_of.get(clip.clip.clip_id)
        if rows is None:
            continue
        is_scored[rows] = True
        rows = rows[column[rows] >= 0]
        weights = window_overlap.window_weights(
            pairs.start_seconds[rows],
            pairs.end_seconds[rows],
            clip.window_start_seconds,
            info.window_seconds,
            clip.weights,
        )
        means = (weights * clip.scores[:, column[rows]].T).sum(axis=1)
        scores[rows] = np.where(weights.any(axis=1), means, np.nan)
    has_class = column >= 0
    has_score = np.isfinite(scores)
    if not is_scored.any():
        raise UserError(rated.no_common_clip(folder))
    if not has_score.any():
        raise UserError(f"{rated.path}: none of its {len(pairs)} rated pairs lies in the windows of a scored clip.")
    ranked = metrics.rank(
        (
            (info.classes[one], scores[rows], pairs.is_present[rows])
            for one, rows in sorted(_rows_by_value(column, has_score).items())
        ),
        "rated pair",
    )
    counts = {
        "num_pairs": int(has_score.sum()),
        "pairs_of_lost_classes": int((~has_class).sum()),
        "pairs_of_unknown_clips": int((has_class & ~is_scored).sum()),
        "pairs_outside_windows": int((has_class & is_scored & ~has_score).sum()),
        "contradictory_pairs": pairs.num_contradictory,
        "unsure_ratings": pairs.num_unsure,
        "not_acoustic_ratings": pairs.num_not_acoustic,
    }
    return AnnotatedMetrics(ranked, counts, matched)


def rows_by_clip(clip_ids: np.ndarray) -> Dict[str, np.ndarray]:
    """Clip id -> its rows, ascending."""
    rows: Mapping[str, List[int]] = collections.defaultdict(list)
    for row, clip_id in enumerate(clip_ids):
        rows[clip_id].append(row)
    return {clip_id: np.array(own) for clip_id, own in rows.items()}


def _rows_by_value(values: np.ndarray, is_chosen: np.ndarray) -> Dict[int, np.ndarray]:
    """Value -> its rows, of the chosen rows."""
    rows = np.flatnonzero(is_chosen)
    rows = rows[np.argsort(values[rows], kind="stable")]
    unique, starts = np.unique(values[rows], return_index=True)
    return dict(zip(unique.tolist(), np.split(rows, starts[1:])))
