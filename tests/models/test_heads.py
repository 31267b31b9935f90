import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.models import heads
from audioset_triplet.models.heads import ClusterHead, CoincidenceHead, build_class_head, scores_of_sums
from audioset_triplet.training import moving_average
from tests import processes


def unit(rng, *shape):
    x = rng.normal(size=shape)
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)


def test_scores_are_those_of_a_network_on_each_pair_of_embeddings_in_one_vector():
    tf.keras.utils.set_random_seed(0)
    head = CoincidenceHead(embedding_size=4, num_units=6)
    for weight in head.trainable_variables:
        weight.assign(np.random.default_rng(0).normal(size=weight.shape))
    rng = np.random.default_rng(1)
    first, second = unit(rng, 3, 4), unit(rng, 5, 4)
    of_first, bias, of_second, of_hidden, last = (weight.numpy().astype(float) for weight in head.trainable_variables)
    kernel = np.concatenate([of_first, of_second])  # [2 D, H]
    expected = [
        [np.maximum(2.0 * np.r_[a, v] @ kernel + bias, 0) @ of_hidden[:, 0] + last[0] for v in second] for a in first
    ]  # 2 is the root of D
    np.testing.assert_allclose(head((first, second)), expected, rtol=1e-4)


@pytest.mark.parametrize("block_units", [1 << 24, 61, 1])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_blocks_and_their_gradients_are_those_of_the_plain_expression(monkeypatch, block_units, jit_compile):
    monkeypatch.setattr(heads, "_BLOCK_UNITS", block_units)
    rng = np.random.default_rng(0)
    inputs = [tf.constant(rng.normal(size=shape), tf.float32) for shape in ([7, 5], [6, 5], [5])]
    upstream = tf.constant(rng.normal(size=[7, 6]), tf.float32)

    def value_and_gradients(function):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            scores = function(*inputs)
        return [scores, *tape.gradient(scores, inputs, upstream)]

    expected = value_and_gradients(lambda x, y, w: tf.tensordot(tf.nn.relu(x[:, tf.newaxis] + y), w, 1))
    found = tf.function(lambda: value_and_gradients(scores_of_sums), autograph=False, jit_compile=jit_compile)()
    for one, other in zip(expected, found):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_first_scores_differ_from_pair_to_pair():
    tf.keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    scores = CoincidenceHead(128, 512)((unit(rng, 16, 128), unit(rng, 16, 128)))
    assert 0.2 < np.std(scores) < 2


@pytest.mark.parametrize("num_units", [512, 511])
def test_the_first_scores_are_the_higher_the_more_alike_two_embeddings_are(num_units):
    tf.keras.utils.set_random_seed(0)
    head = CoincidenceHead(128, num_units)
    first, second = np.split(np.linalg.qr(np.random.default_rng(0).normal(size=(128, 2)))[0].T.astype(np.float32), 2)
    cosines = np.linspace(-1, 1, 9, dtype=np.float32)[:, None]
    scores = head((first, cosines * first + np.sqrt(1 - cosines**2) * second))[0].numpy()
    # E|x + y| of normal x and y of variance 1/2 and correlation c is sqrt(2 (1 + c) / pi).
    np.testing.assert_allclose(scores, 10 * (np.sqrt(1 + cosines[:, 0]) - 1), atol=1.5)
    assert (np.diff(scores) > 0).all() and abs(scores[4]) < 1


def test_classes_of_unit_embeddings():
    tf.keras.utils.set_random_seed(0)
    head = build_class_head(16, 3)
    embeddings = unit(np.random.default_rng(0), 4, 16)
    kernel, bias = (weight.numpy() for weight in head.trainable_variables)
    np.testing.assert_allclose(head(embeddings), 4.0 * embeddings @ kernel + bias, rtol=1e-4, atol=1e-6)


def test_the_initial_rows_of_a_cluster_head_have_one_length_and_no_bias():
    head = ClusterHead(num_clusters=50, embedding_size=8, scale=20.0)
    np.testing.assert_allclose(np.linalg.norm(head.kernel, axis=1), 20, rtol=1e-5)
    assert np.abs(np.mean(head.kernel / 20.0)) < 0.1 and not np.any(head.bias)
    assert [variable.shape for variable in head.trainable_variables] == [(50, 8), (50,)]


def test_rows_that_are_set_have_the_scale_of_the_head():
    head = ClusterHead(2, 2, scale=3.0)
    head.set_rows(np.array([[0.6, 0.8], [1, 0]], np.float32))
    np.testing.assert_allclose(head.kernel, [[1.8, 2.4], [3, 0]], rtol=1e-6)


def test_a_cluster_head_is_float32_in_a_run_of_half_precision():
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        head = ClusterHead(2, 2, scale=1.0)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert (head.kernel + 0).dtype == (head.bias + 0).dtype == tf.float32


def test_a_cluster_head_comes_back_from_a_checkpoint_and_has_a_moving_average(tmp_path):
    head = ClusterHead(3, 2, scale=1.0)
    average = moving_average.copies({"head": head})["head"]
    np.testing.assert_array_equal(average.kernel, head.kernel)
    path = tf.train.Checkpoint(head=head).save(str(tmp_path / "ckpt"))
    other = ClusterHead(3, 2, scale=1.0)
    tf.train.Checkpoint(head=other).restore(path).assert_consumed()
    np.testing.assert_array_equal(other.kernel, head.kernel)


@pytest.mark.slow
def test_a_thousand_by_a_thousand_pairs_do_not_take_their_activations_in_memory():
    # 1,024 x 1,024 x 512 activations are 2.1 GB, and as much again for each step of the gradient.
    code = """
import resource
import tensorflow as tf
from audioset_triplet.models.heads import scores_of_sums

@tf.function
def gradients(*inputs):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_mean(scores_of_sums(*inputs))
    return tape.gradient(loss, inputs)

inputs = [tf.random.normal(shape) for shape in ([1024, 512], [1024, 512], [512])]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
gradients(*inputs)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    run = subprocess.run(
        [sys.executable, "-c", code], env=processes.environment(), capture_output=True, text=True, check=True
    )
    assert float(run.stdout) < 700
