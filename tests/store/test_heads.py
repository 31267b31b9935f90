"""Heads on disk: what is written comes back, and what is damaged or of other embeddings is said."""

import dataclasses

import numpy as np
import pytest
from scipy import special

from audioset_triplet.errors import UserError
from audioset_triplet.store import heads
from audioset_triplet.store.embedding_parts import StoreInfo
from audioset_triplet.store.heads import Head, HeadInfo, RatedEvents, ScoredRatings


def make(classes=("dog", "cat"), size=4, hidden=3):
    random = np.random.default_rng(0)
    shapes = [(size, hidden), (hidden, len(classes))]
    layers = tuple((random.normal(size=shape).astype(np.float32), np.ones(shape[1], np.float32)) for shape in shapes)
    info = HeadInfo("fc", tuple(classes), "model", "front-end", size, 1.0, 0.5, 0.0, "0" * 16, {"cow": "none"}, "1")
    ratings = ScoredRatings(np.array([0, 1]), np.array([0.5, np.nan]), np.array([True, False]), np.array([False, True]))
    columns = np.array([1, 0]), np.array([0.5, 0.7]), np.array([0.9, 0.7]), np.array([True, False]), np.array([1, 0.5])
    return Head(info, layers, ratings, RatedEvents(*columns))


def test_a_head_comes_back(tmp_path):
    head = make()
    heads.write(str(tmp_path / "head.npz"), head)
    for path in (tmp_path, tmp_path / "head.npz"):
        read = heads.read(str(path))
        assert read.info == head.info and read.id == head.id
        for ours, theirs in ((head.ratings, read.ratings), (head.events, read.events)):
            for name, values in vars(ours).items():
                np.testing.assert_array_equal(getattr(theirs, name), values)
    vectors = np.random.default_rng(1).normal(size=[5, 4]).astype(np.float32)
    (first, bias), (second, other) = head.layers
    expected = special.expit(np.maximum(vectors @ first + bias, 0) @ second + other)
    np.testing.assert_allclose(read.scores(vectors), expected, rtol=1e-5)
    assert make(("dog", "cow")).id != head.id


def test_what_is_no_head_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no such head"):
        heads.read(str(tmp_path))
    path = tmp_path / "head.npz"
    heads.write(str(path), make())
    data = path.read_bytes()
    for damaged in (b"", b"text", data[:-50], data[: len(data) // 2] + b"\xff" * 8 + data[len(data) // 2 + 8 :]):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="not a head, or a damaged one"):
            heads.read(str(path))


def test_a_head_takes_the_embeddings_of_its_model_alone():
    head = make()
    head.require_same_model(StoreInfo("model", "front-end", 4, "2"), "DIR", "head.npz")
    for other in (StoreInfo("other", "front-end", 4, "2"), StoreInfo("model", "front-end", 5, "2")):
        with pytest.raises(UserError, match="DIR has the embeddings of .*head.npz was trained on those of model"):
            head.require_same_model(other, "DIR", "head.npz")


def test_layers_that_do_not_fit_are_refused():
    head = make()
    for layers in (head.layers[:1], head.layers[::-1], ()):
        with pytest.raises(ValueError):
            dataclasses.replace(head, layers=layers)
