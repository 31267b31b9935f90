"""Folders of window scores, and annotations of their clips."""

import os
from typing import Optional, Sequence, Tuple

import numpy as np

from audioset_triplet.clips import ClipInfo
from audioset_triplet.store import ratings, strong_labels, window_scores
from audioset_triplet.store.intervals import Intervals
from audioset_triplet.store.ratings import Ratings
from audioset_triplet.store.window_scores import ScoredClip, ScoreInfo

HOP = 0.96


def write(
    folder: object,
    clips: Sequence[Tuple[ClipInfo, np.ndarray]],
    names: Sequence[str],
    weights: Optional[np.ndarray] = None,
    model_id: str = "classifier",
) -> str:
    """Writes clips with the scores [W, C] and the weights [W] of their windows, on a grid of 0.96 s, into two parts.

    The classes are 0, 1, …
    """
    info = ScoreInfo(
        model_id=model_id,
        front_end_id="front-end",
        code_version="1",
        classes=tuple(range(len(names))),
        class_names=tuple(names),
        window_seconds=HOP,
        hop_seconds=HOP,
    )
    scored = [
        ScoredClip(
            clip,
            HOP * np.arange(len(scores)),
            np.asarray(scores, np.float32),
            np.ones(len(scores)) if weights is None else weights[row],
        )
        for row, (clip, scores) in enumerate(clips)
    ]
    os.makedirs(str(folder), exist_ok=True)
    parts = [part for part in (scored[: len(scored) // 2], scored[len(scored) // 2 :]) if part]
    for number, part in enumerate(parts):
        window_scores.write_part(f"{folder}/scores-{number:05d}-of-{len(parts):05d}.parquet", info, part)
    return str(folder)


def _columns(rows: Sequence[Tuple]) -> Sequence[np.ndarray]:
    clip_ids, starts, ends, labels, *others = zip(*rows)
    return [
        np.array(clip_ids, object),
        np.array(starts, np.float64),
        np.array(ends, np.float64),
        np.array(labels, object),
        *(np.array(other, object) for other in others),
    ]


def write_ratings(path: object, rows: Sequence[Tuple[str, float, float, str, str]]) -> str:
    """Writes ratings from (clip, start, end, label, answer) rows."""
    ratings.write(str(path), Ratings(*_columns(rows)))
    return str(path)


def write_events(path: object, rows: Sequence[Tuple[str, float, float, str]]) -> str:
    """Writes strong labels from (clip, onset, offset, label) rows."""
    strong_labels.write(str(path), Intervals(*_columns(rows)))
    return str(path)
