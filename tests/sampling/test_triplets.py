import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.triplet import COMPOSABLE_METHODS, METHODS, UNSUPERVISED_METHODS, SamplingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.frontend import registry
from audioset_triplet.media import pcm as samples
from audioset_triplet.sampling.triplets import (
    draw_distractors,
    require_bands,
    rows_per_method,
    sample_triplets,
    shares_group,
)
from tests.reference import sampling as reference
from tests.sampling.window_pairs import FRONT_END, SEED, energies_by_recording, find_shift, sample, window_pairs
from tests.toy_front_end import TOY

MIXING = METHODS.index("mixing")
PROXIMITY = METHODS.index("proximity")


def test_every_row_is_the_triplet_of_its_method():
    pairs = window_pairs(24)
    known = energies_by_recording(pairs)
    triplets = sample(pairs, method="joint")
    assert sorted(triplets.anchor_group_ids[:, 0]) == list(range(24))  # every recording once
    for row in range(24):
        recording, added = triplets.anchor_group_ids[row, 0], triplets.positive_group_ids[row, 1]
        anchor, positive_window = known[recording]
        energies = np.exp(triplets.positive[row].astype(np.float64)) - 0.01
        np.testing.assert_allclose(triplets.anchor[row], np.log(anchor + 0.01), atol=1e-4)
        method = METHODS[triplets.method[row]]
        if method == "noise":
            factors = energies / anchor
            assert factors.min() > 0.999 and 0.35 < (factors - 1).mean() < 0.45
        elif method == "translation":
            np.testing.assert_allclose(reference.translate(anchor, *find_shift(anchor, energies)), energies, atol=1e-2)
        elif method == "mixing":
            assert added != recording
            np.testing.assert_allclose(energies, reference.mix(anchor, known[added][0], 0.25), rtol=1e-3, atol=1e-3)
            # The distractor is also the sampled negative.
            np.testing.assert_allclose(triplets.negative[row], np.log(known[added][0] + 0.01), atol=1e-4)
        else:
            np.testing.assert_allclose(energies, positive_window, rtol=1e-3, atol=1e-3)
        assert (added != recording) == (method == "mixing")
        np.testing.assert_array_equal(triplets.anchor_shares[row], [1])
        expected_shares = [0.8, 0.2] if method == "mixing" else [1, 0]  # of 1.25
        np.testing.assert_allclose(triplets.positive_shares[row], expected_shares, rtol=1e-6)
    assert (triplets.weight == 1).all()


@pytest.mark.parametrize("method", UNSUPERVISED_METHODS)
def test_a_single_method_makes_every_row(method):
    triplets = sample(window_pairs(8), with_negatives=False, method=method)
    assert (triplets.method == METHODS.index(method)).all()
    assert triplets.negative == ()
    assert np.isfinite(triplets.positive).all()


def test_joint_shares_are_exact_and_shuffled_over_the_batch():
    positions = []
    for seed in range(40):
        triplets = sample(window_pairs(16), seed=tf.constant([seed, 0], tf.int64), method="joint")
        assert np.bincount(triplets.method, minlength=4).tolist() == [4, 4, 4, 4]
        positions.append(triplets.method)
    # Each position has each method a quarter of the time: within five standard errors over 40 batches.
    shares = np.stack([(np.stack(positions) == method).mean(axis=0) for method in range(4)])
    assert np.abs(shares - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / 40)


@pytest.mark.parametrize(
    "batch, shares, expected",
    [
        (64, (1, 1, 1, 1), dict(proximity=16, noise=16, translation=16, mixing=16)),
        (10, (1, 1, 1, 1), dict(proximity=2, noise=3, translation=3, mixing=2)),
        (
            10,
            (0, 1, 0, 3),
            dict(proximity=7, translation=3),
        ),  # 2.5 and 7.5: the remainders tie, the first is rounded up
        (3, (0, 0, 1, 0), dict(mixing=3)),
    ],
)
def test_rows_per_method(batch, shares, expected):
    assert rows_per_method(batch, SamplingConfig(method="joint", shares=shares)) == expected


def test_negatives_are_never_of_the_anchor_s_recording():
    recordings = np.repeat([0, 1, 2], [10, 4, 2])
    for seed in range(20):
        triplets = sample(window_pairs(16, recordings), seed=tf.constant([seed, 1], tf.int64), method="mixing")
        assert (triplets.positive_group_ids[:, 1] != triplets.anchor_group_ids[:, 0]).all()
        assert (triplets.weight == 1).all()


def test_distractors_are_uniform_over_the_other_recordings():
    group_ids = tf.constant([[0], [0], [1], [2], [3]], tf.int64)
    draws = tf.function(
        lambda: tf.map_fn(lambda seed: draw_distractors(group_ids, group_ids, tf.stack([seed, 7])), tf.range(1000))
    )().numpy()
    for row, allowed in enumerate([[2, 3, 4], [2, 3, 4], [0, 1, 3, 4], [0, 1, 2, 4], [0, 1, 2, 3]]):
        counts = np.bincount(draws[:, row], minlength=5)
        assert set(np.flatnonzero(counts)) == set(allowed)
        share = 1 / len(allowed)
        assert np.abs(counts[allowed] / 1000 - share).max() < 5 * np.sqrt(share * (1 - share) / 1000)


def test_a_batch_of_one_recording_has_no_mixtures_and_no_negatives():
    triplets = sample(window_pairs(4, [5, 5, 5, 5]), method="mixing")
    assert (triplets.weight == 0).all() and np.isfinite(triplets.positive).all()
    triplets = sample(window_pairs(4, [5, 5, 5, 5]), with_negatives=False, method="noise")
    assert (triplets.weight == 1).all()


def test_clips_of_one_window_go_to_the_methods_that_can_use_them():
    for seed in range(10):
        pairs = window_pairs(16, has_positive_window=np.arange(16) < 4)  # just enough for the quarter that is proximity
        triplets = sample(pairs, seed=tf.constant([seed, 2], tf.int64), method="joint")
        assert (triplets.anchor_group_ids[triplets.method == PROXIMITY, 0] < 4).all()
        assert (triplets.weight == 1).all()
    pairs = window_pairs(16, has_positive_window=np.arange(16) < 1)  # too few: three rows have no triplet
    triplets = sample(pairs, method="joint")
    assert triplets.weight.sum() == 13
    assert (triplets.method[triplets.weight == 0] == PROXIMITY).all()


def test_silent_clips_stay_finite():
    pairs = window_pairs(8)
    pairs["pcm"] = tf.zeros_like(pairs["pcm"])
    triplets = sample(pairs, method="joint")
    np.testing.assert_allclose(triplets.anchor, np.log(0.01), atol=1e-5)
    np.testing.assert_allclose(triplets.positive, np.log(0.01), atol=1e-5)


def test_label_triplets_take_the_positive_window_and_exclude_common_labels():
    pairs = window_pairs(6)
    labels = np.array(
        [[[0, 1], [1, 1]], [[1, 1], [1, 2]], [[2, 2], [2, 3]], [[3, 3], [3, 3]], [[4, 4], [4, 4]], [[5, 0], [5, 5]]]
    )
    pairs["group_ids"] = tf.constant(labels, tf.int64)
    energies = FRONT_END.features(samples.tensor_to_waveform(pairs["pcm"])).numpy()

    def row_of(window, column):
        (row,) = np.flatnonzero(np.abs(energies[:, column] - window).max(axis=(1, 2)) < 1e-4)
        return row

    for seed in range(5):
        triplets = sample(pairs, seed=tf.constant([seed, 3], tf.int64), method="labels")
        assert (triplets.method == METHODS.index("labels")).all() and (triplets.weight == 1).all()
        anchors = [row_of(window, 0) for window in triplets.anchor]
        assert sorted(anchors) == list(range(6))
        assert [row_of(window, 1) for window in triplets.positive] == anchors
        np.testing.assert_array_equal(triplets.anchor_group_ids, labels[anchors, 0])
        np.testing.assert_array_equal(triplets.positive_group_ids[:, :2], labels[anchors, 1])
        for anchor, window in zip(anchors, triplets.negative):
            assert not set(labels[anchor, 0]) & set(labels[row_of(window, 0), 0])


def test_same_seed_same_triplets_and_another_seed_others():
    pairs = window_pairs(8)
    first, again = sample(pairs), sample(pairs)
    other = sample(pairs, seed=tf.constant([1, 3], tf.int64))
    for a, b in zip(first, again):
        np.testing.assert_array_equal(a, b)
    assert (first.positive != other.positive).any()


def test_windows_share_a_group():
    first = tf.constant([[1, 2], [3, 3]], tf.int64)
    second = tf.constant([[2], [4], [3]], tf.int64)
    np.testing.assert_array_equal(shares_group(first, second), [[True, False, False], [False, False, True]])


@pytest.mark.parametrize(
    "options",
    [
        *(dict(method=method) for method in METHODS),
        *(dict(method=method, combination="composed") for method in COMPOSABLE_METHODS),
    ],
    ids=str,
)
def test_triplets_are_of_the_features_of_any_front_end(options):
    pairs = window_pairs(8, front_end=TOY)
    config = SamplingConfig(shift_bands=2, noise_sigma=0.0, mixing_alpha=0.0, **options)
    triplets = sample_triplets(pairs, config, TOY, SEED, with_negatives=True)
    for windows in (triplets.anchor, triplets.positive, triplets.negative):
        assert windows.shape == (8, *TOY.feature_shape) and np.isfinite(windows).all()
    assert (triplets.weight.numpy() == 1).all()
    if config.combination == "single":
        features = TOY.features(samples.tensor_to_waveform(pairs["pcm"][:, 0])).numpy()
        np.testing.assert_allclose(triplets.anchor, features[triplets.anchor_group_ids.numpy()[:, 0]], atol=1e-5)


@pytest.mark.parametrize("combination", ["single", "composed"])
def test_triplets_of_stereo_are_those_of_its_channels(combination):
    mono, stereo = (registry.by_name(f"three_band_small-0.5s{channels}") for channels in ("", "-stereo"))
    pairs = window_pairs(8, front_end=stereo)
    config = SamplingConfig(method="joint", combination=combination, noise_sigma=0.0, mixing_alpha=0.0, shift_bands=100)
    triplets = sample_triplets(pairs, config, stereo, SEED, with_negatives=True)
    of_channels = [
        sample_triplets({**pairs, "pcm": pairs["pcm"][..., channel]}, config, mono, SEED, with_negatives=True)
        for channel in range(2)
    ]
    for name in ("anchor", "positive", "negative"):
        expected = np.stack([getattr(triplets_of_one, name) for triplets_of_one in of_channels], axis=1)
        assert expected.shape == (8, *stereo.feature_shape)
        np.testing.assert_allclose(getattr(triplets, name), expected, atol=1e-3)


def test_a_shift_over_all_bands_is_refused():
    require_bands(SamplingConfig(shift_bands=63), FRONT_END)
    with pytest.raises(UserError, match="^--shift_bands must be below the 64 bands of the front end, not 64.$"):
        require_bands(SamplingConfig(shift_bands=64), FRONT_END)
    with pytest.raises(UserError, match="the 8 bands"):
        require_bands(SamplingConfig(), TOY)
