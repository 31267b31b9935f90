"""Draws of rare classes, and the precision of candidates."""

import dataclasses

import numpy as np
import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import mining_precision
from audioset_triplet.evaluation.mining_precision import Precisions
from audioset_triplet.store.embedding_parts import StoreInfo
from audioset_triplet.store.stored_clips import Clips

# 20 clips of the class "dog", two of each recording, and 30 others.
CLIPS = Clips(
    [f"c{row}" for row in range(50)],
    [f"r{row // 2}" for row in range(50)],
    [(0,) if row < 20 else (1, 2) for row in range(50)],
    np.zeros(50, np.int64),
    {0: "dog", 1: "cat", 2: "purr"},
    StoreInfo("model", "front-end", 2, "0"),
)


def test_a_class_is_thinned_to_its_prior():
    rows = mining_precision.classes_of(CLIPS, ["dog"])["dog"]
    assert rows == list(range(20))
    draws = [mining_precision.draw(CLIPS, rows, 30, 5, 0.1, (0, trial)) for trial in range(20)]
    for one in draws:
        assert len(one.relevant) == 3 and one.num_clips == 33 and one.prior == 3 / 33  # 0.1 / 0.9 * 30 = 3.33
        numbers = [int(name[1:]) // 2 for name in one.exemplars]
        assert len(set(numbers)) == 5  # each of a recording of its own, which has no clip in the pool
        assert not {int(name[1:]) // 2 for name in one.relevant} & set(numbers)
        assert sorted([*one.exemplars, *one.relevant, *one.left_out]) == sorted(CLIPS.clip_ids[:20])
    assert len({tuple(one.exemplars) for one in draws}) > 15
    assert mining_precision.draw(CLIPS, rows, 30, 5, 0.001, (0, 0)).prior == 1 / 31
    assert mining_precision.draw(CLIPS, rows, 30, 11, 0.1, (0, 0)) is None  # ten recordings
    assert mining_precision.draw(CLIPS, rows, 300, 5, 0.1, (0, 0)) is None  # 33 clips


def test_classes_are_those_of_all_labels():
    assert list(mining_precision.classes_of(CLIPS, [])) == ["cat", "dog", "purr"]
    with pytest.raises(UserError, match="no clip has the class 'dgo'; there are cat, dog, purr"):
        mining_precision.classes_of(CLIPS, ["dgo"])


def test_precisions_by_hand():
    measured = mining_precision.measure(["a", "x", "a", "b", "y"], ["a", "b", "c"], [2, 4, 10])
    # Once each: a, x, b, y.
    assert measured.at == {2: 0.5, 4: 0.5, 10: 0.2}
    assert measured.possible == {2: 1.0, 4: 0.75, 10: 0.3}
    assert measured.recall == pytest.approx(2 / 3)
    numbers = mining_precision.flat_numbers({"mined": [[measured], [dataclasses.replace(measured, recall=0.0)]]})
    assert numbers["mining/mined/precision_at_4"] == 0.5 and numbers["mining/mined/precision_at_4_std"] == 0
    assert numbers["mining/mined/recall"] == pytest.approx(1 / 3) and numbers["mining/possible_at_10"] == 0.3
    assert mining_precision.rows_of_table(numbers, ["mined"]) == [("mined", [0.5, 0.5, 0.2, pytest.approx(1 / 3)])]
    trials = [[Precisions({1: value}, {1: 1.0}, value)] for value in (0.0, 1.0)]
    assert mining_precision.flat_numbers({"a": trials})["mining/a/precision_at_1_std"] == pytest.approx(0.5**0.5)


def test_chance_is_the_share_of_the_pool():
    rows = mining_precision.classes_of(CLIPS, ["dog"])["dog"]
    drawn = mining_precision.draw(CLIPS, rows, 30, 5, 0.1, (0, 0))
    at_random = mining_precision.chance(drawn, [10], 11)
    assert at_random == Precisions({10: 3 / 33}, {10: 0.3}, 11 / 33)
