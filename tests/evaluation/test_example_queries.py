"""Queries and their nearest clips."""

import dataclasses

import numpy as np
import pytest

from audioset_triplet.config.evaluation import RetrievalConfig
from audioset_triplet.evaluation import example_queries, retrieval
from tests.evaluation.test_retrieval import make_clips


def test_neighbours_by_hand():
    angles = np.radians([0, 10, 25, 90, 180])
    clips = make_clips([(0,), (1,), (0, 1), (1,), (0,)], np.stack([np.cos(angles), np.sin(angles)], axis=1))
    clips = dataclasses.replace(clips, recording_ids=["r0", "r0", "r2", "r3", "r4"])
    neighbours = example_queries.nearest(clips, np.arange(5), clips.vectors, 0, count=3)
    assert [one.row for one in neighbours] == [1, 2, 3]
    assert [one.relevant for one in neighbours] == [False, True, False]
    assert [one.same_recording for one in neighbours] == [True, False, False]
    assert [one.cosine for one in neighbours] == pytest.approx(np.cos(angles[1:4]), abs=1e-6)
    assert [one.row for one in example_queries.nearest(clips, np.arange(5), clips.vectors, 0, count=10)] == [1, 2, 3, 4]


def test_queries_run_from_the_best_class_to_the_worst_and_are_given_by_the_seed():
    clips = make_clips([(index % 20,) for index in range(200)])
    result = retrieval.evaluate(RetrievalConfig(draws=1), clips)
    queries, num_clips = example_queries.choose_queries(clips, result, seed=0, queries=5, neighbours=4)
    assert num_clips == 200
    scores = [result.class_average_precision[query.label] for query in queries]
    assert scores == sorted(scores, reverse=True) and len(scores) == 5
    assert scores[0] == max(result.class_average_precision.values())
    assert scores[-1] == min(result.class_average_precision.values())
    assert all(query.label in clips.labels[query.row] and len(query.neighbours) == 4 for query in queries)
    assert example_queries.choose_queries(clips, result, seed=0, queries=5, neighbours=4)[0] == queries
    other, _ = example_queries.choose_queries(clips, result, seed=1, queries=5, neighbours=4)
    assert [query.row for query in other] != [query.row for query in queries]


def test_fewer_classes_than_queries_are_each_drawn_once():
    clips = make_clips([(index % 3,) for index in range(30)])
    queries, _ = example_queries.choose_queries(clips, retrieval.evaluate(RetrievalConfig(draws=1), clips), seed=0)
    assert sorted(query.label for query in queries) == [0, 1, 2]
