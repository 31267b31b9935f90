"""Pools whose classes follow a Zipf law: counts by hand, whole recordings, other common classes in each draw."""

import collections

import numpy as np
import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.labelling import skewed_pools
from audioset_triplet.store.embedding_parts import StoreInfo
from audioset_triplet.store.stored_clips import Clips


def make_clips(sizes, clips_of_a_recording=1):
    """Class 0 with sizes[0] clips, and so on; so many successive clips of a class are of a recording."""
    labels = [(label,) for label, size in enumerate(sizes) for _ in range(size)]
    places = [place for size in sizes for place in range(size)]
    recordings = [f"r{label}-{place // clips_of_a_recording}" for (label,), place in zip(labels, places)]
    names = {label: f"class {label}" for label in range(len(sizes))}
    ids = [f"clip{row}" for row in range(len(labels))]
    info = StoreInfo("model", "front-end", 4, "1")
    return Clips(ids, recordings, labels, np.zeros(len(labels), np.int64), names, info)


def draw(clips, ratio, rarest=1, name="a", commonest=None):
    return skewed_pools.draw(clips, np.arange(len(clips.clip_ids)), ratio, rarest, name, commonest)


@pytest.mark.parametrize(
    "num_classes, ratio, rarest, counts",
    [
        (4, 16, 1, [16, 4, 2, 1]),  # 16 r^-2: 16, 4, 1.78, 1
        (4, 8, 1, [8, 3, 2, 1]),  # 8 r^-1.5: 8, 2.83, 1.54, 1
        (5, 1, 7, [7, 7, 7, 7, 7]),
        (2, 10, 2, [20, 2]),
        (1, 10, 2, [20]),
    ],
)
def test_counts_follow_the_law(num_classes, ratio, rarest, counts):
    assert skewed_pools.zipf_counts(num_classes, ratio, rarest) == counts


def test_a_pool_has_the_counts_of_the_law_and_the_common_classes_differ_between_draws():
    clips = make_clips([20] * 4)
    commonest = set()
    for name in "abcdefgh":
        pool = draw(clips, 16, name=name)
        assert list(pool.num_clips.values()) == [16, 4, 2, 1] and pool.ratio == 16
        assert pool.rows.tolist() == sorted(set(pool.rows.tolist())) and len(pool.rows) == 23
        counted = collections.Counter(clips.labels[row][0] for row in pool.rows)
        assert counted == pool.num_clips
        commonest.add(next(iter(pool.num_clips)))
    assert len(commonest) > 1
    assert draw(clips, 16).rows.tolist() == draw(clips, 16).rows.tolist()


def test_a_class_gives_no_more_than_it_has_and_the_named_one_is_the_commonest():
    pool = draw(make_clips([5, 5, 5, 100]), 16, rarest=2, commonest=3)
    assert pool.num_clips[3] == 32 and sorted(pool.num_clips.values()) == [2, 4, 5, 32]  # the law: 32, 8, 3.6, 2


def test_recordings_are_whole_but_for_the_last():
    clips = make_clips([20, 20], clips_of_a_recording=4)
    pool = draw(clips, 5, rarest=2)
    assert list(pool.num_clips.values()) == [10, 2]
    sizes = collections.Counter(clips.recording_ids[row] for row in pool.rows)
    assert sorted(sizes.values()) == [2, 2, 4, 4]  # 10 = 4 + 4 + 2, and 2 of one


def test_a_recording_that_does_not_fit_leaves_room_for_those_that_do():
    clips = make_clips([6], clips_of_a_recording=4)  # recordings of 4 and of 2 clips
    rows = {name: skewed_pools.draw(clips, np.arange(6), 1, 2, name).rows.tolist() for name in "abcdefgh"}
    assert set(map(tuple, rows.values())) == {(4, 5)}  # never half of the longer one


def test_a_clip_of_several_classes_counts_for_the_rarest():
    clips = make_clips([10, 10])
    labels = [(0, 1) if row < 3 else labels for row, labels in enumerate(clips.labels)]
    clips = Clips(clips.clip_ids, clips.recording_ids, labels, clips.folds, clips.class_names, clips.info)
    rare = draw(clips, 4, rarest=2, commonest=0)
    assert rare.num_clips[1] == 2 and rare.num_clips[0] in {7, 8, 9}  # 7 of its own, and those that both have


def test_a_class_without_a_clip_is_named():
    clips = make_clips([3, 3])
    with pytest.raises(UserError, match="none of 'class 1' among the clips to annotate"):
        skewed_pools.draw(clips, np.arange(3), 10, 1, "a")


def test_the_pool_of_all_clips():
    clips = make_clips([3, 6])
    pool = skewed_pools.whole(clips, np.arange(9))
    assert pool.rows.tolist() == list(range(9)) and pool.num_clips == {1: 6, 0: 3} and pool.ratio == 2
