"""Votes of neighbours, streamed, against loops over all of them."""

import dataclasses

import numpy as np
import pytest

from audioset_triplet.config.evaluation import KnnConfig
from audioset_triplet.evaluation import knn, metrics, splits
from audioset_triplet.store import stored_clips, window_parts
from tests import example_clips
from tests.reference import knn as reference


@pytest.fixture
def folder(tmp_path):
    infos = example_clips.make_infos(150, 6)
    infos = [  # some clips have two classes, some none
        dataclasses.replace(one, labels=labels, label_names=tuple(f"class {label}" for label in labels))
        for row, one in enumerate(infos)
        for labels in [() if row % 25 == 3 else tuple(sorted({*one.labels, row // 7 % 6}))]
    ]
    example_clips.write(tmp_path, infos, noise=2.0)
    return str(tmp_path)


@pytest.mark.parametrize("k, temperature", [(1, 0.07), (5, 0.07), (5, 1.0), (1000, 0.2)])
def test_scores_are_those_of_loops_over_all_neighbours(folder, k, temperature, monkeypatch):
    split = splits.read_split(folder, [1], folder, [2])
    training, queries = (stored_clips.clip_vectors(folder, [fold]).vectors for fold in (1, 2))
    labels = [one for one, flag in zip(split.train.labels, split.usable) if flag]
    expected = reference.scores(queries, training[split.usable], labels, split.classes, k, temperature)
    whole = knn.clip_scores(split, k, temperature)
    np.testing.assert_allclose(whole.scores, expected, atol=2e-5)
    assert whole.scores.dtype == np.float32 and whole.scores.max() <= 1 + 1e-6
    # In pieces: queries by 20, training clips by 7 at most.
    monkeypatch.setattr(knn, "_QUERY_BYTES", 20 * 4 * 16)
    monkeypatch.setattr(knn, "_COSINES", 20 * 7)
    monkeypatch.setattr(window_parts, "_BATCH_BYTES", 50 * 4 * 16)
    np.testing.assert_allclose(knn.clip_scores(split, k, temperature).scores, expected, atol=2e-5)


def test_clips_that_may_not_be_used_do_not_vote(folder):
    split = splits.read_split(folder, [1], folder, [2])
    usable = np.arange(len(split.usable)) % 3 > 0
    training, queries = (stored_clips.clip_vectors(folder, [fold]).vectors for fold in (1, 2))
    labels = [one for one, flag in zip(split.train.labels, usable) if flag]
    expected = reference.scores(queries, training[usable], labels, split.classes, 5, 0.07)
    scores = knn.clip_scores(dataclasses.replace(split, usable=usable), 5, 0.07)
    np.testing.assert_allclose(scores.scores, expected, atol=2e-5)


def test_the_metrics_are_those_of_the_scores(folder):
    split = splits.read_split(folder, [1], folder, [2])
    assert knn.evaluate(KnnConfig(), split) == metrics.measure(knn.clip_scores(split, 5, 0.07))


def test_well_separated_classes_are_all_recognised(tmp_path):
    example_clips.write(tmp_path, example_clips.make_infos(60, 5), noise=0.1)
    result = knn.evaluate(KnnConfig(), splits.read_split(str(tmp_path), [1], str(tmp_path), [2]))
    assert result.accuracy == 1 and result.map == pytest.approx(1)
