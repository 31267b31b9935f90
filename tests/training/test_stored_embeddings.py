import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.clustering import (
    ClusterConfig,
    ClusteringConfig,
    ClusterTrainingConfig,
    StoredEmbeddingsConfig,
)
from audioset_triplet.records.example_ids import hash_ids
from audioset_triplet.training.pipeline import Feed
from audioset_triplet.training.stored_embeddings import StoredEmbeddings
from tests import example_clips


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embeddings")
    return folder, example_clips.write(folder, example_clips.make_infos(5, 2)).reshape(15, 16)


def source(folder, seed=0, batch_size=6, **options):
    training = ClusterTrainingConfig(batch_size=batch_size, seed=seed)
    made = StoredEmbeddings(ClusterConfig(data=StoredEmbeddingsConfig(str(folder)), training=training), **options)
    return made, made.describe()


ONE = tf.distribute.InputContext()


def taken(made, steps, first_step=0, context=ONE):
    return list(made.batches(Feed(first_step, context)).take(steps).as_numpy_iterator())


def test_every_pass_has_every_row_once_in_an_order_of_its_own(folder):
    made, _ = source(folder[0])
    batches = taken(made, 5)  # two passes
    rows_of = [(batch.vectors @ folder[1].T).argmax(axis=1) for batch in batches]  # unit vectors: the nearest is equal
    rows = np.concatenate(rows_of)
    assert sorted(rows[:15]) == sorted(rows[15:]) == list(range(15)) and rows[:15].tolist() != rows[15:].tolist()
    for batch, own in zip(batches, rows_of):
        np.testing.assert_array_equal(batch.example_id, hash_ids([f"clip{row // 3:05d}" for row in own]))
        np.testing.assert_array_equal(batch.vectors, folder[1][own])
    assert rows.tolist() != np.concatenate([made.rows(step) for step in range(5)][::-1]).tolist()
    other, _ = source(folder[0], seed=1)
    assert other.rows(0).tolist() != made.rows(0).tolist()


def test_a_resumed_run_goes_on_with_the_next_batch_and_pipelines_divide_it(folder):
    made, _ = source(folder[0])
    expected = taken(made, 4)[3]
    np.testing.assert_array_equal(taken(made, 1, first_step=3)[0].vectors, expected.vectors)
    parts = [taken(made, 1, 3, tf.distribute.InputContext(3, which, 3))[0].vectors for which in range(3)]
    np.testing.assert_array_equal(np.concatenate(parts), expected.vectors)
    on_two_devices = taken(made, 2, 3, tf.distribute.InputContext(1, 0, 2))
    np.testing.assert_array_equal(np.concatenate([one.vectors for one in on_two_devices]), expected.vectors)


def test_vectors_that_memory_does_not_hold_are_read_from_a_file(folder):
    made, described = source(folder[0], in_memory_bytes=100)
    assert isinstance(made.vectors, np.memmap)
    np.testing.assert_array_equal(made.vectors, folder[1])
    assert described == source(folder[0])[1]


def test_a_source_says_what_it_is_and_what_lies_where(folder, tmp_path):
    made, described = source(folder[0])
    assert described["rows"] == 15 and described["unit"] == "windows" and described["model_id"] == "model"
    ids = hash_ids(["clip00004", "clip00001"]).numpy().tolist()
    assert made.names(ids, 5) == [f"{folder[0]}: clip clip00001", f"{folder[0]}: clip clip00004"]
    assert made.names(ids, 1) == [f"{folder[0]}: clip clip00001"]
    example_clips.write(tmp_path, example_clips.make_infos(5, 2), noise=0.6)
    assert source(tmp_path)[1]["embeddings_digest"] != described["embeddings_digest"]


def test_more_clusters_than_windows_are_said_before_the_training(folder, capsys):
    data = StoredEmbeddingsConfig(str(folder[0]))
    for num_clusters, expected in ((15, ""), (16, "--num_clusters=16 is more than the 15 windows to be clustered")):
        made = StoredEmbeddings(ClusterConfig(data=data, clustering=ClusteringConfig(num_clusters=num_clusters)))
        made.describe()
        made.check(ClusterTrainingConfig())
        said = capsys.readouterr().err
        assert expected in said and bool(said) == bool(expected)
