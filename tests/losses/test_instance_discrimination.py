import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.losses import instance_discrimination
from tests.reference import instance_discrimination as reference

K, TEMPERATURE = 64, 0.4  # Hornauer et al. 2021
SIZE = 128


def unit(random, *shape):
    x = random.normal(size=shape)
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)


def noise_contrastive(similarities, num_instances, normalizer, temperature=TEMPERATURE):
    similarities = tf.constant(similarities, tf.float32)
    return instance_discrimination.noise_contrastive(
        similarities, num_instances, temperature, tf.constant(normalizer, tf.float32)
    )


def expected_normalizer(num_instances, temperature=TEMPERATURE):
    """Z where all rows have random directions: a product of theirs is about normal, of variance 1 / D."""
    return num_instances * np.exp(1 / (2 * SIZE * temperature**2))


@pytest.mark.parametrize("temperature", [0.07, 0.4])
def test_both_losses_equal_the_loops(temperature):
    random = np.random.default_rng(0)
    bank, embeddings, instances = unit(random, 20, 16), unit(random, 6, 16), random.integers(0, 20, 6)
    terms = instance_discrimination.softmax(embeddings, bank, tf.constant(instances, tf.int32), temperature)
    expected = [reference.softmax_loss(one, bank, row, temperature) for one, row in zip(embeddings, instances)]
    np.testing.assert_allclose(terms.loss, expected, rtol=1e-5)
    cosines = embeddings @ bank.T
    np.testing.assert_allclose(terms.similarity, cosines[np.arange(6), instances], rtol=1e-5)
    np.testing.assert_array_equal(terms.is_nearest, cosines.argmax(axis=1) == instances)

    others, shares = random.integers(0, 20, 6), random.uniform(0.5, 1, 6).astype(np.float32)
    terms = instance_discrimination.mixture_softmax(
        embeddings, bank, tf.constant(np.c_[instances, others], tf.int32), np.c_[shares, 1 - shares], temperature
    )
    of_others = [reference.softmax_loss(one, bank, row, temperature) for one, row in zip(embeddings, others)]
    np.testing.assert_allclose(terms.loss, shares * expected + (1 - shares) * of_others, rtol=1e-5)
    np.testing.assert_allclose(terms.similarity, cosines[np.arange(6), instances], rtol=1e-5)

    rows = np.c_[instances, random.integers(0, 20, [6, 9])]
    normalizer = reference.normalizer(embeddings, bank, rows, temperature)
    similarities = instance_discrimination.similarities_to(embeddings, tf.gather(bank, rows))
    terms = noise_contrastive(similarities, 20, normalizer, temperature)
    expected = [
        reference.noise_contrastive_loss(one, bank, of_window, temperature, normalizer)
        for one, of_window in zip(embeddings, rows)
    ]
    np.testing.assert_allclose(terms.loss, expected, rtol=1e-5)
    np.testing.assert_array_equal(terms.is_nearest, similarities.numpy().argmax(axis=1) == 0)


@pytest.mark.parametrize("num_instances", [2, 200, 10_932, 2_000_000])
def test_the_values_of_the_published_settings_do_not_depend_on_the_number_of_clips(num_instances):
    normalizer = expected_normalizer(num_instances)
    assert normalizer / num_instances == pytest.approx(1.0247, abs=5e-5)
    at_start = noise_contrastive(np.zeros([1, K + 1]), num_instances, normalizer)
    noise = K / num_instances
    posteriors = [np.exp(s / TEMPERATURE) / normalizer for s in (0, 1)]
    assert [p / (p + noise) for p in posteriors] == pytest.approx([0.0150, 0.1567], abs=5e-5)
    # The mean of -log(1 - h) over random directions is more than at a similarity of 0: 5.19 in all.
    random = np.random.default_rng(0).normal(0, SIZE**-0.5, [20_000, K + 1])
    assert float(tf.reduce_mean(noise_contrastive(random, num_instances, normalizer).loss)) == pytest.approx(
        5.19, abs=0.01
    )
    assert float(at_start.loss[0]) == pytest.approx(-np.log(0.01502) - K * np.log(1 - 0.01502), rel=1e-3)
    learned = np.r_[1.0, np.zeros(K)][np.newaxis]
    assert float(noise_contrastive(learned, num_instances, normalizer).loss[0]) == pytest.approx(2.82, abs=0.005)


@pytest.mark.parametrize("k, num_instances, first, last", [(4096, 1_281_167, 10.1, 0.46), (512, 5000, 8.1, None)])
def test_the_values_of_npid(k, num_instances, first, last):
    normalizer = expected_normalizer(num_instances, 0.07)
    random = np.random.default_rng(0).normal(0, SIZE**-0.5, [2_000_000 // k, k + 1])
    found = tf.reduce_mean(noise_contrastive(random, num_instances, normalizer, 0.07).loss)
    assert float(found) == pytest.approx(first, abs=0.1)
    if last:
        learned = np.r_[1.0, np.zeros(k)][np.newaxis]
        found = noise_contrastive(learned, num_instances, normalizer, 0.07).loss[0]
        assert float(found) == pytest.approx(last, abs=0.005)


def test_the_softmax_over_all_clips_of_four_data_sets():
    random = np.random.default_rng(0)
    bank, rows = unit(random, 10_932, SIZE), tf.range(32)
    at_start = instance_discrimination.softmax(unit(random, 32, SIZE), bank, rows, TEMPERATURE)
    learned = instance_discrimination.softmax(bank[:32], bank, rows, TEMPERATURE)
    assert float(tf.reduce_mean(at_start.loss)) == pytest.approx(9.3, abs=0.1)
    assert float(tf.reduce_mean(learned.loss)) == pytest.approx(6.8, abs=0.05)


def test_gradients_by_hand():
    """Of a logit s / tau of B windows, k = K / n: -k / (P + k) / B for the own clip, P / (P + k) / B for others."""
    random = np.random.default_rng(1)
    similarities = tf.constant(random.normal(0, 0.3, [4, 6]), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(similarities)
        loss = tf.reduce_mean(noise_contrastive(similarities, 50, 60.0).loss)
    probabilities, noise = np.exp(similarities / TEMPERATURE) / 60, 5 / 50
    expected = probabilities / (probabilities + noise) / 4
    expected[:, 0] = -noise / (probabilities[:, 0] + noise) / 4
    np.testing.assert_allclose(tape.gradient(loss, similarities) * TEMPERATURE, expected, rtol=1e-4)


def test_a_clip_told_from_itself_has_a_finite_loss_and_the_softmax_of_one_clip_is_0():
    row = unit(np.random.default_rng(2), 1, 8)
    for temperature in (0.07, 0.4):
        terms = noise_contrastive(np.ones([3, 65]), 1, np.exp(1 / temperature), temperature)
        np.testing.assert_allclose(terms.loss, np.log(65) + 64 * np.log(65 / 64), rtol=1e-4)
        terms = instance_discrimination.softmax(row, row, tf.constant([0]), temperature)
        np.testing.assert_allclose(terms.loss, [0.0], atol=1e-6)
