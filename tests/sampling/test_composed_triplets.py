"""Triplets by all methods at once, `--combination=composed`."""

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.triplet import METHODS, SamplingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.sampling.triplets import sample_triplets
from tests.reference import sampling as reference
from tests.sampling.window_pairs import SEED, energies_by_recording, find_shift, sample, window_pairs
from tests.toy_front_end import TOY


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


@pytest.mark.parametrize("combination", ["single", "composed"])
def test_what_is_silent_has_no_share_in_a_mixture(combination):
    pairs = window_pairs(2, front_end=TOY)
    pairs["pcm"] *= tf.constant([1, 0], tf.int16)[:, tf.newaxis, tf.newaxis, tf.newaxis]
    method = "joint" if combination == "composed" else "mixing"
    config = SamplingConfig(method=method, combination=combination, shift_bands=2)
    triplets = sample_triplets(pairs, config, TOY, SEED, with_negatives=False)
    assert (triplets.positive_group_ids[:, 0] != triplets.positive_group_ids[:, 1]).numpy().all()
    np.testing.assert_array_equal(triplets.positive_shares, [[1, 0], [1, 0]])


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
