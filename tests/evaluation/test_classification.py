"""The classifier on frozen embeddings: what it learns from, in what order, and what its scores are."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

from audioset_triplet.config.evaluation import ClassificationConfig, HeadConfig
from audioset_triplet.evaluation import classification, metrics, splits
from audioset_triplet.store import embeddings, window_parts
from tests import example_clips

HEAD = HeadConfig(hidden_units=32, head_epochs=1, head_min_steps=60, head_learning_rate=1e-2)
SIZE = 16


def two_labels(infos):
    """The same clips with a second class on every third of them, and none on some."""
    return [
        dataclasses.replace(one, labels=labels, label_names=tuple(f"class {label}" for label in labels))
        for row, one in enumerate(infos)
        for labels in [() if row % 20 == 7 else (*one.labels, 8) if row % 3 == 0 else one.labels]
    ]


@pytest.fixture(params=["one label", "several labels"])
def folder(request, tmp_path):
    infos = example_clips.make_infos(160, 8)
    example_clips.write(tmp_path, infos if request.param == "one label" else two_labels(infos), noise=1.0)
    return str(tmp_path)


def test_a_clip_without_a_label_leaves_a_single_label_set_one(tmp_path):
    infos = example_clips.make_infos(40, 4)
    infos[0] = dataclasses.replace(infos[0], labels=(), label_names=())  # of the training fold
    example_clips.write(tmp_path, infos)
    split = splits.read_split(str(tmp_path), [1], str(tmp_path), [2])
    scores = classification.clip_scores(split, split.usable, HEAD, 0).scores
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)  # softmax


def test_scores_are_weighted_means_over_the_windows_of_its_scores(folder, monkeypatch):
    split = splits.read_split(folder, [1], folder, [2])
    models = []
    original = classification.build_head
    monkeypatch.setattr(
        classification, "build_head", lambda *arguments: models.append(original(*arguments)) or models[-1]
    )
    monkeypatch.setattr(window_parts, "_BATCH_BYTES", 50 * 4 * SIZE)  # cuts clips of three windows
    scores = classification.clip_scores(split, split.usable, HEAD, 0)
    rows, vectors, weights = (np.concatenate(parts) for parts in zip(*split.evaluated.windows()))
    predicted = models[0].predict(vectors, verbose=0)
    for row in (0, 1, 16, 17, 33, 79):
        expected = np.average(predicted[rows == row], axis=0, weights=weights[rows == row])
        np.testing.assert_allclose(scores.scores[row], expected, atol=1e-6)
    single_label = all(len(labels) == 1 for labels in split.train.labels)
    assert (predicted.sum(axis=1) == pytest.approx(1, abs=1e-5)) == single_label
    assert scores.targets.sum(axis=1).tolist() == [len(labels) for labels in split.evaluated.labels]


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(folder):
    split = splits.read_split(folder, [1], folder, [2])
    first = classification.evaluate(ClassificationConfig(head=HEAD, seed=1), split)
    tf.keras.utils.set_random_seed(7)  # as training does; the evaluation must not depend on it
    assert classification.evaluate(ClassificationConfig(head=HEAD, seed=1), split) == first
    assert classification.evaluate(ClassificationConfig(head=HEAD, seed=2), split) != first


def test_separated_classes_are_learned_also_through_a_small_buffer(tmp_path, monkeypatch):
    example_clips.write(tmp_path, example_clips.make_infos(160, 8), noise=0.3, rows_per_part=30)
    monkeypatch.setattr(classification, "_BUFFER_BYTES", 100 * 4 * SIZE)
    split = splits.read_split(str(tmp_path), [1], str(tmp_path), [2])
    result = classification.evaluate(ClassificationConfig(head=HEAD), split)
    assert result.accuracy == 1 and result.map == pytest.approx(1) and result.num_clips == 80


def test_random_labels_give_chance(tmp_path):
    random = np.random.default_rng(0)
    infos = example_clips.make_infos(400, 4)
    shuffled = [
        dataclasses.replace(one, labels=(label,), label_names=(f"class {label}",))
        for one, label in zip(infos, random.integers(0, 4, 400).tolist())
    ]
    windows = example_clips.windows_of(infos, 0.5, SIZE, 3)
    with embeddings.EmbeddingWriter(str(tmp_path), "model", "front-end", SIZE) as writer:
        for one, vectors in zip(shuffled, windows):
            writer.write(one, 0.96 * np.arange(3), vectors)
    split = splits.read_split(str(tmp_path), [1], str(tmp_path), [2])
    result = classification.evaluate(ClassificationConfig(head=HEAD), split)
    assert result.accuracy == pytest.approx(0.25, abs=0.09) and result.auc == pytest.approx(0.5, abs=0.06)


def test_without_a_hidden_layer_it_is_as_good_as_logistic_regression(tmp_path):
    windows = example_clips.write(tmp_path, example_clips.make_infos(400, 8), noise=3.0)
    split = splits.read_split(str(tmp_path), [1], str(tmp_path), [2])
    head = dataclasses.replace(HEAD, hidden_layers=0, head_min_steps=400)
    scores = classification.clip_scores(split, split.usable, head, 0)
    labels = np.repeat([labels[0] for labels in split.train.labels], 3)
    oracle = LogisticRegression(max_iter=1000).fit(windows[0::2].reshape(-1, SIZE) * SIZE**0.5, labels)
    expected = oracle.predict_proba(windows[1::2].reshape(-1, SIZE) * SIZE**0.5).reshape(-1, 3, 8).mean(axis=1)
    measured = metrics.measure(scores)
    theirs = metrics.measure(dataclasses.replace(scores, scores=expected.astype(np.float32)))
    assert 0.3 < theirs.map < 0.95  # neither hopeless nor easy
    assert measured.map == pytest.approx(theirs.map, abs=0.03)


def test_the_head_has_the_configured_layers():
    mean, variance = np.full(SIZE, 0.1, np.float32), np.full(SIZE, 0.04, np.float32)
    for single_label in (True, False):
        head = HeadConfig(hidden_layers=4, hidden_units=512)
        model = classification.build_head(head, mean, variance, 10, single_label, seed=0)
        sizes = [layer.units for layer in model.layers if hasattr(layer, "units")]
        assert sizes == [512] * 4 + [10]
        predicted = model(np.random.default_rng(0).normal(size=(5, SIZE)).astype(np.float32)).numpy()
        assert (np.abs(predicted.sum(axis=1) - 1) < 1e-5).all() == single_label
    np.testing.assert_allclose(model.layers[1](np.full((1, SIZE), 0.3)), np.ones((1, SIZE)), rtol=1e-5)
