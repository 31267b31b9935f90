"""All evaluations, streamed, on a synthetic set of AudioSet's shape, against brute force on parts of it."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from audioset_triplet.config.evaluation import HeadConfig, RetrievalConfig, SemiSupervisedConfig
from audioset_triplet.evaluation import classification, knn, metrics, retrieval, semi_supervised, splits
from audioset_triplet.store import stored_clips, window_parts
from tests import audioset_shape
from tests.reference import knn as knn_reference
from tests.reference import retrieval as retrieval_reference

NUM_TRAIN, NUM_EVAL = 18_000, 2_500
HEAD = HeadConfig(hidden_units=64, head_epochs=1, head_min_steps=1000, head_learning_rate=1e-2, head_dropout=0.0)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("audioset_shape")
    audioset_shape.write(path, audioset_shape.make_infos(NUM_TRAIN, NUM_EVAL))
    return str(path)


@pytest.fixture(scope="module")
def split(folder):
    return splits.read_split(folder, [1], folder, [2])


@pytest.fixture(scope="module")
def vectors(folder):
    return stored_clips.clip_vectors(folder)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Everything is cut into pieces that are much smaller than the set."""
    monkeypatch.setattr(window_parts, "_BATCH_BYTES", 1 << 17)
    monkeypatch.setattr(retrieval, "_VECTOR_BYTES", 4000 * 4 * audioset_shape.SIZE)
    monkeypatch.setattr(classification, "_BUFFER_BYTES", 4000 * 4 * audioset_shape.SIZE)
    monkeypatch.setattr(knn, "_QUERY_BYTES", 1000 * 4 * audioset_shape.SIZE)


def test_the_set_has_the_shape_of_audioset(split):
    counts = np.bincount([label for labels in split.train.labels for label in labels])
    assert len(split.classes) == len(counts) == 527
    assert counts.max() > 1000 * counts.min() and counts.min() >= 1  # a long tail
    assert np.mean([len(labels) for labels in split.train.labels]) > 1.5
    assert len(split.train.clip_ids) + len(split.evaluated.clip_ids) > 20_000


def test_retrieval_draws_100_and_100_and_agrees_with_loops_over_pairs(folder, vectors):
    stored = stored_clips.read_clips(folder)
    result = retrieval.evaluate(RetrievalConfig(draws=1, seed=3), stored)
    assert result == retrieval.evaluate(RetrievalConfig(draws=1, seed=3), vectors)
    assert len(result.class_average_precision) + len(result.classes_left_out) == 527
    assert result.prior < 0.3311 and result.map > result.prior + 0.1
    # The rule of the draw, and the pairs one by one: a class with all of its clips, and one cut to a hundred.
    order = np.argsort(vectors.clip_ids)
    num_clips = result.class_num_clips
    small = max(label for label in num_clips if 8 <= num_clips[label] <= 12)
    large = max(label for label in num_clips if num_clips[label] > 200)
    for label in (small, large):
        member = np.array([label in vectors.labels[row] for row in order])
        count = min(100, int(member.sum()))
        random = np.random.default_rng([3, 0, label])
        targets, distractors = (random.choice(order[side], size=count, replace=False) for side in (member, ~member))
        if label == small:
            pairs = retrieval_reference.ranked_pairs(vectors.vectors[targets], vectors.vectors[distractors])
            expected = retrieval_reference.average_precision(pairs)
        else:
            cosines = vectors.vectors[targets].astype(float) @ vectors.vectors[[*targets, *distractors]].astype(float).T
            relevant = np.repeat([[True] * count + [False] * count], count, axis=0)
            kept = relevant & np.triu(np.ones_like(relevant), k=1) | ~relevant
            expected = average_precision_score(relevant[kept], cosines[kept])
        assert result.class_average_precision[label] == pytest.approx(expected, abs=1e-9)
    assert retrieval.prior(100, 100) == pytest.approx(4950 / 14950)


def test_votes_of_neighbours_agree_with_loops_over_all_training_clips(split, vectors):
    scores = knn.clip_scores(split, 5, 0.07)
    rows = np.arange(0, NUM_EVAL, 250)
    training = vectors.vectors[vectors.folds == 1]
    expected = knn_reference.scores(
        vectors.vectors[vectors.folds == 2][rows], training, split.train.labels, split.classes, 5, 0.07
    )
    np.testing.assert_allclose(scores.scores[rows], expected, atol=2e-5)
    measured = metrics.measure(scores)
    assert measured.map > 10 * measured.prior and measured.accuracy is None


def test_the_classifier_learns_from_a_stream_and_its_metrics_are_those_of_scikit_learn(split):
    scores = classification.clip_scores(split, split.usable, HEAD, 0)
    measured = metrics.measure(scores)
    assert measured.classes_left_out == [] and len(measured.class_auc) == 527
    expected = average_precision_score(scores.targets, scores.scores, average=None)
    np.testing.assert_allclose(list(measured.class_average_precision.values()), expected, atol=1e-12)
    expected = roc_auc_score(scores.targets, scores.scores, average=None)
    np.testing.assert_allclose(list(measured.class_auc.values()), expected, atol=1e-12)
    assert measured.auc > 0.75 and measured.map > 5 * measured.prior
    assert np.isfinite(
        list(metrics.flat_numbers(measured, metrics.class_titles(split.class_names), "x").values())
    ).all()


def test_few_labels_are_drawn_and_learned_from(split):
    head = dataclasses.replace(HEAD, head_min_steps=50)
    config = SemiSupervisedConfig(head=head, labels_per_class=(1, 20), trials=1)
    measured = semi_supervised.evaluate(config, split).trials
    short = semi_supervised.short_classes(split, 20)
    assert 100 < len(short) < 527 and semi_supervised.short_classes(split, 1) == []
    shown = semi_supervised.labelled(split, semi_supervised.ranked_clips(split, 0, 0), 20)
    assert 3000 < shown.sum() < 20 * 527
    assert measured[20][0].map > measured[1][0].map > measured[1][0].prior
