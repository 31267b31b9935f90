"""Evaluation on strong labels: for each class, do the windows that contain an event of it score above all others?

Frame-level average precision with windows as the frames. A clip with strong labels is annotated in full: a window is a
negative of every class of the file of which it contains no event. Which events a window contains:
`window_overlap.contain_event`. Clips without an event are not in such a file, and so are not evaluated.

Shapes: W windows of a clip, R windows of all clips, C classes of both the file and the scores.
"""

from typing import List, Sequence

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import metrics, window_overlap
from audioset_triplet.evaluation.annotated import Annotated, AnnotatedMetrics
from audioset_triplet.evaluation.rated_pairs import rows_by_clip
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.store import window_scores
from audioset_triplet.store.intervals import Intervals


def evaluate(folder: str, folds: Sequence[int], strong: Annotated[Intervals]) -> AnnotatedMetrics:
    """Measures the scores of the windows of a folder against strong labels.

    Events of classes that the scores do not have, of clips that are not among them, and events that no window contains
    are left out and counted.

    Raises:
        UserError: what `window_scores.read_clips` raises; no clip of the file has scores, or no class can be ranked.
    """
    info = window_scores.read_info(folder)
    matched = strong.match(info.names)
    events = strong.intervals
    classes = sorted(set(matched.classes.values()))
    of_scores = np.searchsorted(info.classes, classes)
    columns = {label: classes.index(index) for label, index in matched.classes.items()}
    column = np.array([columns.get(label, -1) for label in events.labels])
    rows_of = rows_by_clip(events.clip_ids)
    scores: List[np.ndarray] = []  # [W, C] of each clip
    targets: List[np.ndarray] = []
    is_scored, has_window = np.zeros(len(events), bool), np.zeros(len(events), bool)
    num_not_annotated = 0
    for clip in progress_bar(window_scores.read_clips(folder, folds), "strong labels", "clips", leave=False):
        rows = rows_of.get(clip.clip.clip_id)
        if rows is None:
            num_not_annotated += 1
            continue
        is_scored[rows] = True
        rows = rows[column[rows] >= 0]
        contained = window_overlap.contain_event(
            events.start_seconds[rows], events.end_seconds[rows], clip.window_start_seconds, info.window_seconds
        )
        has_window[rows] = contained.any(axis=1)
        own = np.zeros((len(clip.scores), len(classes)), bool)
        event, window = np.nonzero(contained)
        own[window, column[rows[event]]] = True
        scores.append(clip.scores[:, of_scores])
        targets.append(own)
    if not scores:
        raise UserError(strong.no_common_clip(folder))
    all_scores, all_targets = np.concatenate(scores), np.concatenate(targets)
    ranked = metrics.rank(
        (
            (index, np.ascontiguousarray(all_scores[:, place]), all_targets[:, place])
            for place, index in enumerate(classes)
        ),
        "window",
    )
    has_class = column >= 0
    counts = {
        "num_windows": len(all_scores),
        "num_clips": len(scores),
        "num_events": int((has_class & has_window).sum()),
        "events_of_lost_classes": int((~has_class).sum()),
        "events_of_unknown_clips": int((has_class & ~is_scored).sum()),
        "events_outside_windows": int((has_class & is_scored & ~has_window).sum()),
        "clips_without_strong_labels": num_not_annotated,
    }
    return AnnotatedMetrics(ranked, counts, matched)
