"""A few queries with their nearest clips, for a person to look at and listen to."""

import dataclasses
from typing import List

import numpy as np

from audioset_triplet.data.clips import ClipVectors
from audioset_triplet.evaluation.retrieval import Retrieval, clips_of_classes


@dataclasses.dataclass(frozen=True)
class Neighbour:
    """One clip in the answer to a query."""

    row: int  # of ClipVectors
    cosine: float
    right: bool  # shares a class with the query
    same_recording: bool  # was cut from the recording that the query was cut from


@dataclasses.dataclass(frozen=True)
class Query:
    """A clip of the class `label`, and the clips nearest to it, nearest first."""

    row: int
    label: int
    neighbours: List[Neighbour]


def nearest(clips: ClipVectors, row: int, count: int) -> List[Neighbour]:
    """The `count` clips of the highest cosine with the clip at `row`, which is not among them."""
    cosines = clips.vectors @ clips.vectors[row]
    ranked = [int(other) for other in np.argsort(-cosines, kind="stable") if other != row]
    return [
        Neighbour(
            row=other,
            cosine=float(cosines[other]),
            right=bool(set(clips.labels[row]) & set(clips.labels[other])),
            same_recording=clips.recording_ids[row] == clips.recording_ids[other],
        )
        for other in ranked[:count]
    ]


def choose_queries(
    clips: ClipVectors, result: Retrieval, seed: int, queries: int = 6, neighbours: int = 5
) -> List[Query]:
    """Queries that show the whole range: from the best class to the worst in even steps, one clip by lot from each."""
    members = clips_of_classes(clips)
    scores = result.class_average_precision
    ranked = sorted(scores, key=lambda label: (-scores[label], label))
    steps = np.unique(np.round(np.linspace(0, len(ranked) - 1, queries)).astype(int))
    chosen = []
    for label in (ranked[step] for step in steps):
        rows = sorted(members[label], key=lambda row: clips.clip_ids[row])
        row = rows[int(np.random.default_rng([seed, label]).integers(len(rows)))]
        chosen.append(Query(row, label, nearest(clips, row, neighbours)))
    return chosen
