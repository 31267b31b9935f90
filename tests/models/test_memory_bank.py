import numpy as np
import tensorflow as tf

from audioset_triplet.models.memory_bank import MemoryBank
from tests.reference import instance_discrimination as reference


def test_rows_begin_at_about_unit_length_by_their_seed():
    rows = MemoryBank(500, 128, seed=3).values()
    lengths = np.linalg.norm(rows, axis=1)
    assert abs(lengths.mean() - 1) < 0.01 and lengths.std() > 0.01
    assert np.abs(rows).max() <= (128 / 3) ** -0.5
    np.testing.assert_array_equal(rows, MemoryBank(500, 128, seed=3).values())
    assert (rows != MemoryBank(500, 128, seed=4).values()).all()


def test_rows_of_a_batch_move_and_the_last_window_of_a_clip_counts():
    bank, random = MemoryBank(6, 4, seed=0), np.random.default_rng(0)
    before, instances = bank.values(), [4, 1, 4, 0, 4]
    embeddings = random.normal(size=[5, 4]).astype(np.float32)
    tf.function(bank.update, autograph=False)(tf.constant(instances), tf.constant(embeddings), 0.25)
    expected = reference.updated(before, instances, embeddings, 0.25)
    np.testing.assert_allclose(bank.values(), expected, atol=1e-6)
    np.testing.assert_array_equal(bank.values()[[2, 3, 5]], before[[2, 3, 5]])
    alone = MemoryBank(6, 4, seed=0)
    alone.update(tf.constant([4]), tf.constant(embeddings[4:]), 0.25)
    np.testing.assert_array_equal(alone.values()[4], bank.values()[4])


def test_a_row_by_hand():
    bank = MemoryBank(1, 2, seed=0)
    bank.rows.assign([[3.0, 0.0]])
    bank.update(tf.constant([0]), tf.constant([[0.0, 1.0]]), 0.5)  # (1.5, 0.5) at unit length
    np.testing.assert_allclose(bank.values(), [[3 / np.sqrt(10), 1 / np.sqrt(10)]], rtol=1e-6)


def test_an_embedding_that_is_not_finite_does_not_reach_the_bank():
    bank = MemoryBank(3, 2, seed=0)
    before = bank.values()
    bank.update(tf.constant([0, 2]), tf.constant([[np.nan, 0.0], [0.0, 1.0]]), 0.5)
    np.testing.assert_array_equal(bank.values()[:2], before[:2])
    assert np.isfinite(bank.values()).all() and (bank.values()[2] != before[2]).any()


def test_the_normalizer_is_that_of_the_first_batch():
    bank, random = MemoryBank(1000, 128, seed=0), np.random.default_rng(0)
    embeddings = random.normal(size=[64, 128])
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    rows = random.integers(0, 1000, [64, 65])
    similarities = np.einsum("bd,bkd->bk", embeddings, bank.values()[rows])
    first = bank.fix_normalizer(tf.constant(similarities, tf.float32), 0.4)
    expected = reference.normalizer(embeddings, bank.values(), rows, 0.4)
    np.testing.assert_allclose(first, expected, rtol=1e-5)
    np.testing.assert_allclose(first, 1024.7, rtol=0.01)  # exp(1 / (2 x 128 x 0.4^2)) for each instance
    np.testing.assert_array_equal(bank.fix_normalizer(tf.ones([4, 65]), 0.4), first)
