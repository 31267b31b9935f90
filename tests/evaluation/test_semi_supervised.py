"""Which clips show their labels, and what is made of them."""

import dataclasses

import numpy as np
import pytest

from audioset_triplet.config.evaluation import HeadConfig, SemiSupervisedConfig
from audioset_triplet.evaluation import classification, metrics, semi_supervised, splits
from tests import example_clips

HEAD = HeadConfig(hidden_units=16, head_epochs=1, head_min_steps=40)


def make_split(folder, infos, noise=2.0):
    example_clips.write(folder, infos, noise=noise)
    return splits.read_split(str(folder), [1], str(folder), [2])


def shown_ids(split, count, seed=0, trial=0):
    shown = semi_supervised.labelled(split, semi_supervised.ranked_clips(split, seed, trial), count)
    return {split.train.clip_ids[row] for row in np.flatnonzero(shown)}


def test_each_class_shows_as_many_and_a_larger_draw_holds_the_smaller_one(tmp_path):
    split = make_split(tmp_path, example_clips.make_infos(80, 4))  # 10 training clips of each class
    draws = [shown_ids(split, count) for count in (1, 5, 10)]
    assert [len(one) for one in draws] == [4, 20, 40] and draws[0] < draws[1] < draws[2]
    labels = dict(zip(split.train.clip_ids, split.train.labels))
    assert sorted(labels[clip_id] for clip_id in draws[1]) == sorted([(0,), (1,), (2,), (3,)] * 5)
    assert semi_supervised.short_classes(split, 10) == [] and semi_supervised.short_classes(split, 11) == [0, 1, 2, 3]
    assert len(shown_ids(split, 11)) == 40  # a class that has fewer gives all


def test_seed_and_trial_decide_the_draw_and_the_order_on_disk_does_not(tmp_path):
    infos = example_clips.make_infos(80, 4)
    split, reversed_split = make_split(tmp_path / "a", infos), make_split(tmp_path / "b", infos[::-1])
    draws = [shown_ids(split, 3, seed, trial) for seed in (0, 1) for trial in (0, 1)]
    assert len({frozenset(one) for one in draws}) == 4
    assert shown_ids(reversed_split, 3, 1, 1) == draws[3]
    # A clip that goes away makes room for the next, and moves nothing else.
    fewer = make_split(tmp_path / "c", [one for one in infos if one.clip_id != min(draws[0])])
    assert draws[0] - {min(draws[0])} < shown_ids(fewer, 3) and len(shown_ids(fewer, 3)) == 12


def test_draws_are_uniform(tmp_path):
    split = make_split(tmp_path, example_clips.make_infos(80, 4))
    counts = dict.fromkeys(split.train.clip_ids, 0)
    for seed in range(300):
        for clip_id in shown_ids(split, 2, seed):
            counts[clip_id] += 1
    assert min(counts.values()) > 30 and max(counts.values()) < 95  # 60 expected of each, standard deviation 7


def test_a_clip_of_several_classes_shows_all_of_them_and_unusable_clips_none(tmp_path):
    infos = [
        dataclasses.replace(one, labels=(*one.labels, 9), label_names=(*one.label_names, "all"))
        for one in example_clips.make_infos(80, 4)
    ]
    split = make_split(tmp_path, infos)
    shown = shown_ids(split, 2)
    assert 8 <= len(shown) <= 10  # of class 9 two clips were drawn, and all of the others have it too
    split = dataclasses.replace(split, usable=np.arange(40) >= 20)
    assert shown_ids(split, 10) == set(split.train.clip_ids[20:])


@pytest.mark.slow
def test_trials_are_those_of_the_classifier_on_the_clips_that_were_drawn(tmp_path):
    split = make_split(tmp_path, example_clips.make_infos(60, 3))
    config = SemiSupervisedConfig(head=HEAD, labels_per_class=(4, 1), trials=2, seed=5)
    result = semi_supervised.evaluate(config, split)
    measured = result.trials
    assert result.counts == [1, 4] and result.num_labelled == {1: 3, 4: 12} and result.short_classes == {1: [], 4: []}
    assert list(measured) == [1, 4] and [len(one) for one in measured.values()] == [2, 2]
    ranked = semi_supervised.ranked_clips(split, 5, 1)
    shown = semi_supervised.labelled(split, ranked, 4)
    expected = metrics.measure(classification.clip_scores(split, shown, HEAD, 5 + 1))
    assert measured[4][1] == expected and measured[4][0] != expected
    numbers = semi_supervised.flat_numbers(result, "semi_supervised")
    maps = [one.map for one in measured[4]]
    assert numbers["semi_supervised/4/map"] == pytest.approx(np.mean(maps))
    assert numbers["semi_supervised/4/map_std"] == pytest.approx(abs(maps[0] - maps[1]) / np.sqrt(2))
    assert numbers["semi_supervised/1/trials"] == 2 and numbers["semi_supervised/num_clips"] == 30
    assert {"semi_supervised/1/accuracy", "semi_supervised/1/accuracy_std"} < set(numbers)
