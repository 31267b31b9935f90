"""Example queries with their nearest clips, for a report."""

import dataclasses
from typing import List, Tuple

import numpy as np

from audioset_triplet.evaluation.retrieval import RetrievalResult, clips_of_classes
from audioset_triplet.store.stored_clips import Clips

MAX_CLIPS = 20_000  # searched for the neighbours of the example queries


@dataclasses.dataclass(frozen=True)
class Neighbour:
    """One of the clips nearest to a query."""

    row: int  # of the clips
    cosine: float
    relevant: bool  # shares a class with the query
    same_recording: bool  # as the query


@dataclasses.dataclass(frozen=True)
class Query:
    """A clip of the class `label`, and the clips nearest to it, nearest first."""

    row: int
    label: int
    neighbours: List[Neighbour]


def nearest(clips: Clips, pool: np.ndarray, vectors: np.ndarray, row: int, count: int) -> List[Neighbour]:
    """The clips of a pool with the highest cosine similarity to one of its clips, which is left out.

    Args:
        clips: all clips.
        pool: [p], rows of the clips to search, ascending.
        vectors: [p, D], unit norm, their vectors.
        row: the query, a row of the pool.
        count: how many neighbours; fewer if the pool is smaller.
    """
    cosines = vectors @ vectors[np.searchsorted(pool, row)]
    ranked = [index for index in np.argsort(-cosines, kind="stable")[: count + 1] if pool[index] != row]
    return [
        Neighbour(
            row=int(pool[index]),
            cosine=float(cosines[index]),
            relevant=bool(set(clips.labels[row]) & set(clips.labels[pool[index]])),
            same_recording=clips.recording_ids[row] == clips.recording_ids[pool[index]],
        )
        for index in ranked[:count]
    ]


def choose_queries(
    clips: Clips, result: RetrievalResult, seed: int, queries: int = 6, neighbours: int = 5
) -> Tuple[List[Query], int]:
    """Queries from the best class to the worst in even steps, and how many clips were searched.

    One clip of each of these classes is drawn at random. All clips are searched, or MAX_CLIPS drawn at random and the
    queries.
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
    answers = [Query(row, label, nearest(clips, pool, vectors, row, neighbours)) for label, row in chosen.items()]
    return answers, len(pool)
