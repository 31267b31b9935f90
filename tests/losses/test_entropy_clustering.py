"""Blocked and dense clustering loss against each other, and both against the formula in loops and float64."""

import math

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.losses import entropy_clustering as clustering
from audioset_triplet.losses.dense_entropy_clustering import dense_entropy_clustering
from tests import processes
from tests.reference import entropy_clustering as reference

BATCH = 9
# Of most tests the same shapes and blocks, which are traced once: five clusters a block, three blocks kept.
CLUSTERS = 23
SEVERAL = {"block_logits": 5 * BATCH, "kept_logits": 3 * 5 * BATCH}


def head(num_clusters, batch_size=BATCH, size=5, scale=1.0, seed=0):
    """Embeddings, kernel, bias and weights, some of them 0."""
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(size=[batch_size, size])
    kernel, bias = scale * rng.normal(size=[num_clusters, size]), scale * rng.normal(size=[num_clusters])
    weights = np.where(np.arange(batch_size) % 4 == 1, 0, rng.uniform(0.5, 2, batch_size))
    return [tf.constant(values, tf.float32) for values in (embeddings, kernel, bias, weights)]


def weighted_mean(terms, weights):
    return tf.math.divide_no_nan(tf.reduce_sum(weights * terms), tf.reduce_sum(weights))


def blocked_terms(embeddings, kernel, bias, weights, gamma, xla="none", **options):
    """Without XLA, whose compilation takes longer than all the rest, where it is not said."""
    blocks = clustering.Blocks(xla=xla, **options)
    return clustering.entropy_clustering(embeddings, kernel, bias, weights, gamma, blocks)


def dense_terms(embeddings, kernel, bias, weights, gamma):
    logits = tf.matmul(embeddings, kernel, transpose_b=True) + bias
    return dense_entropy_clustering(logits, weights, gamma)


def blocked(*values, **options):
    return weighted_mean(blocked_terms(*values, **options).loss, values[3])


def dense(*values):
    return weighted_mean(dense_terms(*values).loss, values[3])


def with_gradients(loss, values, *arguments, **options):
    """The loss, and its gradients by embeddings, kernel and bias."""
    with tf.GradientTape() as tape:
        tape.watch(values)
        value = loss(*values, *arguments, **options)
    return [value, *tape.gradient(value, values[:3])]


def assert_close(actual, expected, tolerance=1e-5):
    """To a part of the largest number of each tensor."""
    for one, other in zip(actual, expected):
        other = np.asarray(other)
        assert np.isfinite(one).all()
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(np.abs(other).max(), 1e-2))


@pytest.mark.parametrize("gamma", [0.0, 1.0, 1.5])
@pytest.mark.parametrize("num_clusters", [2, 7])
def test_loss_and_gradients_are_those_of_the_formula(num_clusters, gamma):
    values = head(num_clusters, batch_size=5, size=3)
    arrays = [value.numpy().astype(np.float64) for value in values]

    def loss_with(index, changed):
        return reference.clustering_loss(*(arrays[:index] + [changed] + arrays[index + 1 :]), gamma)

    expected = [reference.clustering_loss(*arrays, gamma)]
    for index in range(3):
        expected.append(reference.numeric_gradient(lambda changed, i=index: loss_with(i, changed), arrays[index]))
    assert_close(with_gradients(blocked, values, gamma, block_logits=10, kept_logits=20), expected)
    assert_close(with_gradients(dense, values, gamma), expected)


# No clusters kept, some and (but for the last block) all.
@pytest.mark.parametrize("kept_logits", [0, 3 * 7 * BATCH, 1 << 20])
@pytest.mark.parametrize("gamma", [0.0, 1.5])
def test_blocks_give_what_the_dense_definition_gives(kept_logits, gamma):
    values = head(100)
    options = {"block_logits": 7 * BATCH, "kept_logits": kept_logits}
    assert_close(with_gradients(blocked, values, gamma, **options), with_gradients(dense, values, gamma))
    for one, other in zip(blocked_terms(*values, gamma, **options), dense_terms(*values, gamma)):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("xla", ["parts", "none"])
@pytest.mark.parametrize("num_clusters", [1000, 10_000])
def test_many_clusters_are_as_exact(num_clusters, xla):
    # In float64: the dense expression in float32 is itself off by up to 4e-5 at larger logits.
    values = head(num_clusters, batch_size=32, size=16, scale=0.25)
    options = {"block_logits": 32 * num_clusters // 6, "kept_logits": 32 * num_clusters // 2, "xla": xla}
    step = tf.function(lambda *values: with_gradients(blocked, list(values), 1.1, **options), autograph=False)
    expected = with_gradients(dense, [tf.cast(value, tf.float64) for value in values], 1.1)
    assert_close(step(*values), expected)
    assert_close(step(*values), with_gradients(dense, values, 1.1))


def test_a_cluster_at_a_time_where_blocks_are_smaller():
    values = head(4)
    assert_close(with_gradients(blocked, values, 1.0, block_logits=1), with_gradients(dense, values, 1.0))


@pytest.mark.slow
def test_a_step_that_is_compiled_as_a_whole():
    values = head(200)
    options = {"block_logits": 7 * BATCH, "kept_logits": 63 * BATCH, "xla": "whole"}
    step = tf.function(
        lambda *values: with_gradients(blocked, list(values), 1.1, **options), autograph=False, jit_compile=True
    )
    assert_close(step(*values), with_gradients(dense, values, 1.1))


def test_a_batch_whose_size_is_not_known_before():
    values = head(20)
    specs = [tf.TensorSpec([None, 5]), tf.TensorSpec([20, 5]), tf.TensorSpec([20]), tf.TensorSpec([None])]
    step = tf.function(
        lambda *values: with_gradients(blocked, list(values), 1.1, block_logits=60), input_signature=specs
    )
    assert_close(step(*values), with_gradients(dense, values, 1.1))


def test_an_example_of_weight_zero_does_not_count():
    embeddings, kernel, bias, weights = head(CLUSTERS)
    counted = weights.numpy() > 0
    changed = tf.where(counted[:, np.newaxis], embeddings, 3.0)
    first = with_gradients(blocked, [embeddings, kernel, bias, weights], 1.2, **SEVERAL)
    second = with_gradients(blocked, [changed, kernel, bias, weights], 1.2, **SEVERAL)
    assert_close(second, first)
    np.testing.assert_array_equal(second[1].numpy()[~counted], 0)


def test_weights_of_zero_alone_give_nothing():
    embeddings, kernel, bias, weights = head(CLUSTERS)
    for one in with_gradients(blocked, [embeddings, kernel, bias, 0 * weights], 1.2, **SEVERAL):
        np.testing.assert_array_equal(one, 0)


def test_what_else_is_returned():
    values = head(CLUSTERS)
    terms = blocked_terms(*values, 1.3, **SEVERAL)
    p = tf.nn.softmax(tf.matmul(values[0], values[1], transpose_b=True) + values[2]).numpy()
    mean = np.average(p, axis=0, weights=values[3])
    np.testing.assert_allclose(terms.mean_assignment, mean, rtol=1e-5)
    np.testing.assert_allclose(terms.entropy, -(p * np.log(p)).sum(axis=1), rtol=1e-5)
    entropy_of_mean = weighted_mean(terms.cross_entropy, values[3])
    np.testing.assert_allclose(entropy_of_mean, -(mean * np.log(mean)).sum(), rtol=1e-5)
    np.testing.assert_allclose(terms.loss, terms.entropy - 1.3 * terms.cross_entropy, rtol=1e-6)


def test_gradients_flow_through_the_loss_alone():
    embeddings, *others = head(CLUSTERS)
    with tf.GradientTape() as tape:
        tape.watch(embeddings)
        terms = blocked_terms(embeddings, *others, 1.0, **SEVERAL)
        rest = [tf.reduce_sum(terms.entropy), tf.reduce_sum(terms.cross_entropy), tf.reduce_sum(terms.mean_assignment)]
    assert tape.gradient(rest, embeddings) is None


@pytest.mark.parametrize("scale", [1e4, 1e-8])
def test_extreme_logits(scale):
    # Examples and clusters on the axes: logits are `scale` and 0, so that they are sure, or know nothing.
    values = [tf.eye(6), scale * tf.eye(6), tf.zeros([6]), tf.ones([6])]
    loss, *gradients = with_gradients(blocked, values, 1.0, block_logits=12)
    np.testing.assert_allclose(loss, -math.log(6) if scale > 1 else 0, atol=1e-6)
    for gradient in gradients:
        np.testing.assert_allclose(gradient, 0, atol=1e-6)


def test_high_logits_keep_their_digits():
    # Two clusters share an example at logits of 10,000, a third is out of reach.
    values = [tf.ones([1, 1]), tf.constant([[1e4], [1e4 + 1], [-1e4]]), tf.zeros([3]), tf.ones([1])]
    terms = blocked_terms(*values, 1.0, block_logits=1)
    p = 1 / (1 + math.e)
    np.testing.assert_allclose(terms.entropy, -p * math.log(p) - (1 - p) * math.log(1 - p), rtol=1e-5)


@pytest.mark.parametrize("gamma", [1.0, 1.5])
def test_no_loss_is_below_what_even_and_sure_assignments_give(gamma):
    for seed in range(5):
        assert (
            float(blocked(*head(CLUSTERS, scale=5.0, seed=seed), gamma, **SEVERAL))
            >= -gamma * math.log(CLUSTERS) - 1e-5
        )


def test_with_gamma_one_it_is_minus_the_mutual_information():
    values = head(CLUSTERS)
    p = tf.nn.softmax(tf.matmul(values[0], values[1], transpose_b=True) + values[2]).numpy().astype(np.float64)
    weights = values[3].numpy() / values[3].numpy().sum()
    mean = weights @ p
    information = (weights[:, np.newaxis] * p * np.log(p / mean)).sum()
    np.testing.assert_allclose(blocked(*values, 1.0, **SEVERAL), -information, rtol=1e-5)


def test_the_order_of_examples_and_clusters_does_not_matter():
    embeddings, kernel, bias, weights = head(CLUSTERS)
    rng = np.random.default_rng(1)
    rows, clusters = rng.permutation(BATCH), rng.permutation(CLUSTERS)
    moved = [tf.gather(embeddings, rows), tf.gather(kernel, clusters), tf.gather(bias, clusters)]
    loss, of_embeddings, of_kernel, of_bias = with_gradients(
        blocked, [embeddings, kernel, bias, weights], 1.2, **SEVERAL
    )
    expected = [loss, tf.gather(of_embeddings, rows), tf.gather(of_kernel, clusters), tf.gather(of_bias, clusters)]
    actual = with_gradients(blocked, [*moved, tf.gather(weights, rows)], 1.2, **SEVERAL)
    assert_close(actual, expected)


def test_an_unknown_way_of_compiling_is_named():
    with pytest.raises(ValueError, match="'all'"):
        blocked_terms(*head(2), 1.0, xla="all")


@pytest.mark.parametrize("block_logits", [1, 4 * BATCH, 1 << 20])
def test_assignment_is_the_most_probable_cluster(block_logits):
    embeddings, kernel, bias, _ = head(50)
    p = tf.nn.softmax(tf.matmul(embeddings, kernel, transpose_b=True) + bias).numpy()
    cluster, probability = clustering.assign(embeddings, kernel, bias, clustering.Blocks(block_logits, xla="none"))
    np.testing.assert_array_equal(cluster, p.argmax(axis=1))
    np.testing.assert_allclose(probability, p.max(axis=1), rtol=1e-5)


def test_of_equal_clusters_the_first_is_assigned():
    cluster, probability = clustering.assign(tf.ones([2, 3]), tf.ones([10, 3]), tf.zeros([10]), clustering.Blocks(6))
    np.testing.assert_array_equal(cluster, 0)
    np.testing.assert_allclose(probability, 0.1, rtol=1e-6)


@pytest.mark.slow
def test_two_replicas_together_are_one(tmp_path):
    result = processes.run("tests.losses.clustering_replicas", tmp_path / "values.npz")
    assert result.returncode == 0, result.stderr
    with np.load(tmp_path / "values.npz") as values:
        results = {name: values[name] for name in values.files}
    names = {name.split("/")[1] for name in results}
    assert len(names) == 6
    for name in names:
        one = results[f"one/{name}"]
        for case in ("mirrored", "mirrored_uncompiled", "dense", "mirrored_dense"):
            other = results[f"{case}/{name}"]
            np.testing.assert_allclose(other, one, rtol=0, atol=1e-5 * np.abs(one).max(), err_msg=case)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_batch():
    # The logits of 1024 examples are 781 MiB, those of 128 a hundred; 64 MiB of them are kept.
    results = [processes.run("tests.losses.clustering_memory", 200_000, batch_size) for batch_size in (128, 1024)]
    small, large = (float(result.stdout) for result in results)
    assert abs(large - small) < 32
    assert large < 300
