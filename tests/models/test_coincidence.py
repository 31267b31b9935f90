import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.models import coincidence
from audioset_triplet.models.coincidence import CoincidenceHead, build_class_head, scores_of_sums
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
    monkeypatch.setattr(coincidence, "_BLOCK_UNITS", block_units)
    rng = np.random.default_rng(0)
    inputs = [tf.constant(rng.normal(size=shape), tf.float32) for shape in ([7, 5], [6, 5], [5])]
    upstream = tf.constant(rng.normal(size=[7, 6]), tf.float32)

    def value_and_gradients(function):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            scores = function(*inputs)
        return [scores, *tape.gradient(scores, inputs, upstream)]

    expected = value_and_gradients(lambda x, y, w: tf.tensordot(tf.nn.relu(x[:, tf.newaxis] + y), w, 1))
    found = tf.function(lambda: value_and_gradients(scores_of_sums), jit_compile=jit_compile)()
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


@pytest.mark.slow
def test_a_thousand_by_a_thousand_pairs_do_not_take_their_activations_in_memory():
    # 1,024 x 1,024 x 512 activations are 2.1 GB, and as much again for each step of the gradient.
    code = """
import resource
import tensorflow as tf
from audioset_triplet.models.coincidence import scores_of_sums

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
