import functools

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
from tests.toy_front_end import TOY

FRONT_END = registry.FRONT_ENDS["log_mel"]
SEED = tf.constant([1, 2], tf.int64)
MIXING = METHODS.index("mixing")
PROXIMITY = METHODS.index("proximity")


def window_pairs(batch=16, recordings=None, has_positive_window=None, seed=0, front_end=FRONT_END):
    """Pairs of noise windows; `recordings` are the ids of each row."""
    rng = np.random.default_rng(seed)
    channels = [front_end.num_channels] if front_end.num_channels > 1 else []
    pcm = rng.integers(-8000, 8000, [batch, 2, front_end.window_samples, *channels]).astype(np.int16)
    recordings = np.arange(batch) if recordings is None else np.asarray(recordings)
    group_ids = np.repeat(recordings, 2).reshape(batch, 2, 1)
    has_positive_window = np.ones(batch, bool) if has_positive_window is None else np.asarray(has_positive_window)
    return {
        "pcm": tf.constant(pcm),
        "group_ids": tf.constant(group_ids, tf.int64),
        "has_positive_window": tf.constant(has_positive_window),
        "example_id": tf.constant(group_ids[:, 0, 0], tf.int64),
    }


def energies_by_recording(pairs):
    """id -> [2, T, F] energies of anchor and positive window, for pairs with one row per recording."""
    energies = FRONT_END.energies(samples.tensor_to_waveform(pairs["pcm"])).numpy()
    return dict(zip(pairs["group_ids"].numpy()[:, 0, 0], energies))


@functools.cache
def traced_sampler(config, with_negatives):
    return tf.function(lambda windows, seed: sample_triplets(windows, config, FRONT_END, seed, with_negatives))


def sample(pairs, with_negatives=True, seed=SEED, **options):
    sampled = traced_sampler(SamplingConfig(**options), with_negatives)(pairs, seed)
    return tf.nest.map_structure(lambda tensor: tensor.numpy(), sampled)


def find_shift(energies, moved):
    """The frames and bands, at most 10, by which one window is the other where the two overlap."""
    errors = {}
    for bands in range(-10, 11):
        before, after = energies[:, max(0, -bands) : 64 - max(0, bands)], moved[:, max(0, bands) : 64 - max(0, -bands)]
        for frames in range(96):
            errors[frames, bands] = np.abs(np.roll(before, frames, axis=0) - after).max()
    return min(errors, key=errors.get)


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


def test_composed_triplets_without_augmentation_are_the_two_windows():
    pairs = window_pairs(12)
    known = energies_by_recording(pairs)
    triplets = sample(pairs, method="joint", combination="composed", noise_sigma=0.0, shift_bands=0, mixing_alpha=0.0)
    assert triplets.anchor_group_ids[:, 0].tolist() == list(range(12))
    for row in range(12):
        for window, energies in ((triplets.anchor[row], known[row][0]), (triplets.positive[row], known[row][1])):
            moved = [np.roll(np.log(energies + 0.01), frames, axis=0) for frames in range(96)]
            assert min(np.abs(window - one).max() for one in moved) < 1e-4  # the shift in time is what is left


def test_composed_triplets_mix_translate_and_add_noise_to_both_windows():
    pairs = window_pairs(6)
    known = energies_by_recording(pairs)
    # Multiplied noise keeps energies positive: without noise the mixture can be recovered exactly.
    triplets = sample(pairs, method="joint", combination="composed", noise_sigma=0.0, shift_bands=1)
    noisy = sample(pairs, method="joint", combination="composed", noise_sigma=0.5, shift_bands=1)
    shares = []  # of the largest alpha
    for row in range(6):
        for window, group_ids, energies, own_and_other in (
            (triplets.anchor[row], triplets.anchor_group_ids[row], known[row][0], triplets.anchor_shares[row]),
            (triplets.positive[row], triplets.positive_group_ids[row], known[row][1], triplets.positive_shares[row]),
        ):
            assert group_ids[0] == row and group_ids[1] != row
            distractor = known[group_ids[1]][0]
            found = np.exp(window.astype(np.float64)) - 0.01
            shift = find_shift(reference.mix(energies, distractor, 0.125), found)
            alone, full = (reference.translate(reference.mix(energies, distractor, a), *shift) for a in (0.0, 0.25))
            share = ((found - alone) * (full - alone)).sum() / np.square(full - alone).sum()  # least squares
            np.testing.assert_allclose(alone + share * (full - alone), found, atol=1e-2 * full.max())
            shares.append(share)
            np.testing.assert_allclose(
                own_and_other, [1 / (1 + 0.25 * share), 0.25 * share / (1 + 0.25 * share)], atol=2e-3
            )
    assert 0 <= min(shares) < 0.3 and 0.7 < max(shares) <= 1 and len(np.unique(np.round(shares, 3))) > 6
    for clean, window in ((triplets.anchor, noisy.anchor), (triplets.positive, noisy.positive)):
        energies = np.exp(clean.astype(np.float64)) - 0.01
        factors = ((np.exp(window.astype(np.float64)) - 0.01) / energies)[energies > 1]
        assert factors.min() > 0.99 and 0.35 < (factors - 1).mean() < 0.45  # E|eps| = 0.5 sqrt(2 / pi) = 0.399
    np.testing.assert_array_equal(triplets.method, METHODS.index("joint"))
    assert (triplets.anchor_group_ids[:, 1] != triplets.positive_group_ids[:, 1]).any()  # different distractors
    negatives = [
        int(np.argmin([np.abs(np.log(known[i][0] + 0.01) - x).max() for i in range(6)])) for x in triplets.negative
    ]
    for negative, *group_ids in zip(negatives, triplets.anchor_group_ids, triplets.positive_group_ids):
        assert negative not in np.concatenate(group_ids)  # neither its own recording nor a distractor


def test_composed_triplets_are_filtered_and_amplified_where_asked():
    pairs, options = window_pairs(6), dict(method="joint", combination="composed", noise_sigma=0.0, shift_bands=0)
    plain, filtered = sample(pairs, **options), sample(pairs, **options, filter_db=6.0)
    for before, after in ((plain.anchor, filtered.anchor), (plain.positive, filtered.positive)):
        before, after = (np.exp(x.astype(np.float64)) - 0.01 for x in (before, after))
        gains = np.where(before > 0.1, after / before, np.nan)
        responses = np.nanmedian(gains, axis=1)  # of each band
        assert np.nanmax(np.abs(gains / responses[:, None] - 1)) < 0.05  # the same in all frames
        assert 3 < (20 * np.log10(responses)).std() < 9 and np.ptp(responses, axis=0).min() > 0.1
    louder, levels_db = sample(pairs, **options, level_db=9.0), []
    for before, after in ((plain.anchor, louder.anchor), (plain.positive, louder.positive)):
        before, after = (np.exp(x.astype(np.float64)) - 0.01 for x in (before, after))
        gains = np.where(before > 0.1, after / before, np.nan)
        levels = np.nanmedian(gains, axis=(1, 2))
        assert np.nanmax(np.abs(gains / levels[:, None, None] - 1)) < 0.2
        levels_db.extend(20 * np.log10(levels))
    assert 4 < np.std(levels_db) < 16  # of 12 windows
    for name in ("filter_db", "level_db"):
        with pytest.raises(UserError, match=f"--{name} is for windows to which all methods are applied"):
            SamplingConfig(**{name: 3.0})


def test_composed_triplets_of_a_class_never_hold_a_distractor_of_that_class():
    pairs = window_pairs(8)
    labels = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    pairs["group_ids"] = tf.constant(np.repeat(labels, 2).reshape(8, 2, 1), tf.int64)
    for seed in range(10):
        triplets = sample(pairs, seed=tf.constant([seed, 4], tf.int64), method="labels", combination="composed")
        for group_ids in (triplets.anchor_group_ids, triplets.positive_group_ids):
            assert (group_ids[:, 0] != group_ids[:, 1]).all()
        assert (triplets.weight == 1).all() and (triplets.method == METHODS.index("labels")).all()


def test_composed_triplets_of_one_recording_are_not_mixed_and_have_no_negative():
    pairs = window_pairs(4, [5, 5, 5, 5])
    assert (sample(pairs, method="joint", combination="composed").weight == 0).all()
    triplets = sample(pairs, with_negatives=False, method="joint", combination="composed")
    assert (triplets.weight == 1).all() and triplets.negative == ()
    assert np.isfinite(triplets.positive).all() and (triplets.positive_group_ids == 5).all()


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
