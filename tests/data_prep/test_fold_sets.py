"""Folds keep recordings together, share them evenly, and stay as recordings are added."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from data_prep import fold_sets, plan
from data_prep.folder import ClipRules
from tests.data_prep.audio_folders import clips_of, write_noises


def test_folds_keep_recordings_together(tmp_path):
    names = [f"{recording}_{take}.wav" for recording in range(20) for take in range(3)]
    root = write_noises(tmp_path / "in", dict.fromkeys(names, 0.1))
    requests = clips_of(root, recording=r"([^/_]+)_[^/]*$", num_folds=3).requests
    assert {(one.clip_id, one.recording_id) for one in requests} == {(name, name.split("_")[0]) for name in names}
    folds = {(one.recording_id, one.fold, one.group) for one in requests}
    assert len(folds) == 20 and {fold for _, fold, _ in folds} == {1, 2, 3}
    assert all(group == f"fold{fold}" for _, fold, group in folds)
    without = clips_of(root, num_folds=0).requests
    assert {(one.fold, one.group) for one in without} == {(-1, "sounds")}
    assert {one.recording_id for one in clips_of(root, recording="(nowhere)").requests} == set(names)


@settings(deadline=None)
@given(st.lists(st.text(max_size=5), unique=True, max_size=20), st.text(max_size=5), st.integers(1, 9))
def test_adding_a_recording_moves_no_other(recordings, another, num_folds):
    def folds(ids):
        made = ClipRules(num_folds=num_folds)
        return {one: made.request(one, None, ()).fold for one in ids}

    before, after = folds(recordings), folds([another, *recordings[::-1]])
    assert {one: after[one] for one in before} == before
    assert set(after.values()) <= set(range(1, num_folds + 1))


@pytest.mark.parametrize("num_folds", [2, 5, 10])
def test_folds_are_of_one_size_and_fill_all_shards(num_folds):
    """Within what chance allows: each count is binomial, and a fault would be far outside."""
    ids = [f"recording {number}" for number in range(5000)]
    folds = np.array([fold_sets.fold_of(one, num_folds) for one in ids])
    shards = np.array([plan.digest(one) % num_folds for one in ids])
    low, high = stats.binom.interval(1 - 1e-6, len(ids), 1 / num_folds)
    assert all(low <= (folds == fold).sum() <= high for fold in range(1, num_folds + 1))
    low, high = stats.binom.interval(1 - 1e-6, len(ids), 1 / num_folds**2)
    for fold in range(1, num_folds + 1):
        for shard in range(num_folds):
            assert low <= ((folds == fold) & (shards == shard)).sum() <= high
