"""A few queries with their nearest clips, for a person to look at and listen to."""

import dataclasses
from typing import List, Tuple

import numpy as np

from audioset_triplet.evaluation.retrieval import Retrieval, clips_of_classes
from audioset_triplet.store.stored_clips import Clips

MAX_CLIPS = 20_000  # looked through for the answers to the example queries


@dataclasses.dataclass(frozen=True)
class Neighbour:
    """One clip in the answer to a query."""

    row: int  # of the clips
    cosine: float
    right: bool  # shares a class with the query
    same_recording: bool  # was cut from the recording that the query was cut from


@dataclasses.dataclass(frozen=True)
class Query:
    """A clip of the class `label`, and the clips nearest to it, nearest first."""

    row: int
    label: int
    neighbours: List[Neighbour]


def nearest(clips: Clips, pool: np.ndarray, vectors: np.ndarray, row: int, count: int) -> List[Neighbour]:
    """The `count` clips of a pool of the highest cosine with one of them, which is not among them.

    Args:
        clips: where they are.
        pool: [p], ascending rows of the clips that are looked through.
        vectors: [p, D], theirs.
        row: of the query, one of the pool.
        count: of neighbours; fewer where the pool holds no more.
    """
    cosines = vectors @ vectors[np.searchsorted(pool, row)]
    ranked = [place for place in np.argsort(-cosines, kind="stable")[: count + 1] if pool[place] != row]
    return [
        Neighbour(
            row=int(pool[place]),
            cosine=float(cosines[place]),
            right=bool(set(clips.labels[row]) & set(clips.labels[pool[place]])),
            same_recording=clips.recording_ids[row] == clips.recording_ids[pool[place]],
        )
        for place in ranked[:count]
    ]


def choose_queries(
    clips: Clips, result: Retrieval, seed: int, queries: int = 6, neighbours: int = 5
) -> Tuple[List[Query], int]:
    """Queries that show the whole range, and how many clips were looked through for their answers.

    From the best class to the worst in even steps, one clip by lot from each; looked through are all clips, or
    MAX_CLIPS drawn by lot and the queries.
    """
    members = clips_of_classes(clips)
    scores = result.class_average_precision
    ranked = sorted(scores, key=lambda label: (-scores[label], label))
    steps = np.unique(np.round(np.linspace(0, len(ranked) - 1, queries)).astype(int))
    chosen = {}
    for label in (ranked[step] for step in steps):
        rows = sorted(members[label], key=lambda row: clips.clip_ids[row])
        chosen[label] = rows[int(np.random.default_rng([seed, label]).integers(len(rows)))]
    order = np.argsort(np.array(clips.clip_ids))
    drawn = np.random.default_rng(seed).permutation(order)[:MAX_CLIPS]
    pool = np.unique(np.concatenate([drawn, list(chosen.values())]))
    vectors = clips.vectors_at(pool)
    found = [Query(row, label, nearest(clips, pool, vectors, row, neighbours)) for label, row in chosen.items()]
    return found, len(pool)
