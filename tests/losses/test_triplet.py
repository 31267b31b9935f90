import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet import compat
from audioset_triplet.losses import triplet
from audioset_triplet.training.objective import part_of_mean
from audioset_triplet.training.triplet import Candidates
from tests.reference import triplet_loss as reference


def unit(rng, *shape):
    x = rng.normal(size=shape)
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)


def mined_loss(anchor, positive, anchor_contents, positive_contents, margin=0.1, **options):
    distances = tf.reduce_sum(tf.square(anchor - positive), axis=1)
    pair_contents = tf.concat([anchor_contents, positive_contents], axis=1)
    candidates = Candidates(tf.concat([anchor, positive], axis=0), anchor_contents, positive_contents, pair_contents)
    negative, exists = triplet.semi_hard_distances(
        anchor, distances, candidates.embeddings, candidates.is_negative, **options
    )
    return part_of_mean(triplet.hinge(distances, negative, margin), tf.cast(exists, tf.float32))


def choose(positive, candidates, is_negative):
    """The distance that is chosen for one anchor, None where there is none."""
    chosen, exists = triplet.semi_hard_choice(*map(tf.constant, ([positive], [candidates], [is_negative])))
    return candidates[int(chosen[0])] if exists[0] else None


def test_squared_distances_against_numpy():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=[5, 7]).astype(np.float32), rng.normal(size=[4, 7]).astype(np.float32)
    expected = ((first[:, None] - second[None]) ** 2).sum(-1)
    np.testing.assert_allclose(triplet.squared_distances(first, second), expected, rtol=1e-5)
    assert float(tf.reduce_min(triplet.squared_distances(first, first))) >= 0


def test_hand_worked_example_on_a_line():
    # One anchor at 0, its positive at distance 1: squared distance 1. Negatives at squared 0.25, 1.44, 4.
    candidates = [0.25, 1.44, 4.0]
    assert choose(1.0, candidates, [True, True, True]) == 1.44  # the closest that is still further than the positive
    assert choose(1.0, candidates, [True, False, True]) == 4.0
    assert choose(1.0, candidates, [True, False, False]) == 0.25  # all closer than the positive: the furthest of them
    assert choose(1.0, candidates, [False, False, False]) is None
    # The same in the plane: the anchor at the origin, candidates on the axis.
    points = tf.constant([[0.5, 0.0], [1.2, 0.0], [2.0, 0.0]])
    distances, exists = triplet.semi_hard_distances(
        tf.zeros([2, 2]), tf.constant([1.0, 1.0]), points, lambda rows: tf.gather([[True] * 3, [False] * 3], rows)
    )
    np.testing.assert_allclose(distances, [1.44, 0.0], rtol=1e-6)
    np.testing.assert_array_equal(exists, [True, False])
    assert float(triplet.hinge(tf.constant([1.0]), distances[:1], 0.5)[0]) == pytest.approx(1.0 - 1.44 + 0.5)


def test_equal_distances_are_not_semi_hard():
    assert choose(1.0, [1.0, 1.0, 2.0], [True, True, True]) == 2.0


@pytest.mark.parametrize("block_distances", [1, 24, 120, 10_000])  # 1, 1, 5 and all 12 rows at once
@pytest.mark.parametrize("seed", range(3))
def test_loss_equals_a_loop_over_listed_triplets(seed, block_distances):
    rng = np.random.default_rng(seed)
    anchor, positive = unit(rng, 12, 4), unit(rng, 12, 4)
    recordings, distractors = rng.integers(0, 7, 12), rng.integers(0, 7, 12)
    loss = mined_loss(
        tf.constant(anchor),
        tf.constant(positive),
        tf.constant(recordings[:, None]),
        tf.constant(np.stack([recordings, distractors], 1)),
        block_distances=block_distances,
    )
    expected = reference.semi_hard_loss(
        anchor, positive, [{r} for r in recordings], [{r, d} for r, d in zip(recordings, distractors)], 0.1
    )
    assert float(loss) == pytest.approx(expected, abs=1e-6)
    assert expected > 0


@pytest.mark.parametrize("seed", range(3))
def test_loss_and_gradient_equal_tensorflow_addons(seed):
    # It takes every window as an anchor once: both directions of each pair, and all 2B windows as candidates.
    addons = compat.tensorflow_addons()
    if addons is None:
        pytest.skip("tensorflow-addons is not in this lane; the other tests compare with loops in NumPy")
    rng = np.random.default_rng(seed)
    num_pairs = 16
    embeddings = tf.constant(unit(rng, 2 * num_pairs, 8))
    ids = tf.concat([tf.range(num_pairs)] * 2, 0)
    contents = tf.cast(ids, tf.int64)[:, tf.newaxis]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(embeddings)
        theirs = addons.losses.triplet_semihard_loss(ids, embeddings, margin=0.1, distance_metric="squared-L2")
        partners = tf.concat([embeddings[num_pairs:], embeddings[:num_pairs]], 0)
        ours = mined_loss(embeddings, partners, contents, contents)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)
    np.testing.assert_allclose(tape.gradient(ours, embeddings), tape.gradient(theirs, embeddings), atol=1e-6)
    assert float(ours) > 0


def test_gradient_is_finite_when_everything_is_the_same_point():
    point = tf.ones([4, 8]) / tf.sqrt(8.0)
    ids = tf.range(4, dtype=tf.int64)[:, tf.newaxis]
    with tf.GradientTape() as tape:
        tape.watch(point)
        loss = mined_loss(point, point, ids, ids)
    assert float(loss) == pytest.approx(0.1)
    assert np.isfinite(tape.gradient(loss, point)).all()


def test_no_negative_at_all_gives_zero_and_no_gradient():
    same = tf.zeros([4, 1], tf.int64)
    embeddings = tf.constant(unit(np.random.default_rng(0), 4, 8))
    with tf.GradientTape() as tape:
        tape.watch(embeddings)
        loss = mined_loss(embeddings, tf.roll(embeddings, 1, 0), same, same)
    assert float(loss) == 0.0
    assert float(tf.reduce_max(tf.abs(tape.gradient(loss, embeddings)))) == 0.0


def test_weighted_mean():
    assert float(part_of_mean(tf.constant([1.0, 2.0, 9.0]), tf.constant([1.0, 1.0, 0.0]))) == 1.5
    assert float(part_of_mean(tf.constant([1.0]), tf.constant([0.0]))) == 0.0
