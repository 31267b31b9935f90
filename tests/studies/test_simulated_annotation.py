"""What each strategy asks about in a pool, with the stored labels in place of a person's."""

import dataclasses

import numpy as np
import pytest

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.label_curve import LabelCurveConfig, PoolConfig, StrategiesConfig
from audioset_triplet.evaluation.label_curve import RANDOM
from audioset_triplet.evaluation.outside_clips import NONE
from audioset_triplet.studies import label_curve, trial_pools
from tests import example_clips

INFOS = example_clips.make_infos(120, 3)  # 20 clips of each class in each of two folds
STRATEGIES = ("clusters", "switch", "margin", "uncertain", "mined")
OUTSIDE = [ClipInfo(f"out{row}", f"elsewhere{row}", labels=(9,), label_names=("rain",), fold=1) for row in range(40)]


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    root = tmp_path_factory.mktemp("pools")
    example_clips.write(root / "all", INFOS, noise=1.0)
    example_clips.write(root / "rain", OUTSIDE, noise=1.0)
    return LabelCurveConfig(
        embeddings=str(root / "all"),
        train_folds=(1,),
        folds=(2,),
        trials=2,
        classifier="linear",
        clusterings=("k-means=kmeans:3",),
        pool=PoolConfig(ratios=(4.0, 16.0), rarest=(4, 2), outside=(str(root / "rain"),)),
        strategy=StrategiesConfig(strategies=STRATEGIES, of_a_round=4),
        output=str(root / "curve"),
    )


@pytest.fixture(scope="module")
def pools(config):
    return trial_pools.read(config)


def test_a_pool_of_each_ratio_with_what_is_of_none_of_the_classes_as_the_commonest(pools):
    assert pools.names == ["ratio4", "ratio16"]
    # Four classes with none: 4 * 4^(1 - ln r / ln 4) = 16 / r = 16, 8, 5.3, 4; 2 * 16^(...) = 32 / r^2 = 32, 8, 3.6, 2.
    for name, counts in (("ratio4", [16, 8, 5, 4]), ("ratio16", [32, 8, 4, 2])):
        first, second = (pools.pool(name, trial) for trial in (0, 1))
        assert list(first.num_clips.values()) == list(second.num_clips.values()) == counts
        assert pools.split.class_names[next(iter(first.num_clips))] == NONE
        assert set(first.rows) != set(second.rows)
        assert pools.num_clips(name) == sum(counts)


@pytest.mark.parametrize("name", [RANDOM, "k-means", "k-means-switch", "margin", "uncertain", "mined"])
def test_a_strategy_spends_its_budget_on_clips_of_the_pool_each_once(pools, name):
    annotation = pools.annotation("ratio16", 1)
    asked = []
    for budget in (3, 11):
        labels, is_annotated, weights, _ = annotation.labels(name, budget)
        rows = np.flatnonzero(is_annotated)
        assert len(rows) == budget and set(rows) <= set(annotation.rows)
        assert all(labels[row] == pools.split.train.labels[row] for row in rows) and (weights[rows] == 1).all()
        assert all((weights[row] > 0) == bool(labels[row]) for row in range(len(labels)))
        asked.append(set(rows))
    if name != "k-means-switch":  # whose tests are other clips where clusters were asked about
        assert asked[0] < asked[1]


def test_mining_begins_with_an_exemplar_of_each_class(pools):
    annotation = pools.annotation("ratio16", 0)
    _, is_annotated, *_ = annotation.labels("mined", 3)
    asked = {pools.split.train.labels[row] for row in np.flatnonzero(is_annotated)}
    assert asked == {(0,), (1,), (2,)}  # none of the class of outside clips
    _, is_annotated, *_ = annotation.labels("mined", len(annotation.rows))
    assert is_annotated.sum() == len(annotation.rows) == 46


def test_at_the_largest_budget_all_strategies_learn_from_the_same(pools):
    annotation = pools.annotation("ratio4", 0)
    everything = len(annotation.rows)
    expected = annotation.labels(RANDOM, everything)
    for name in ("k-means-switch", "margin", "mined"):
        given = annotation.labels(name, everything)
        assert given.labels == expected.labels
        np.testing.assert_array_equal(given.weights, expected.weights)


def test_a_study_of_pools_resumes_and_gives_savings(config, capsys, monkeypatch):
    strategy = dataclasses.replace(config.strategy, strategies=("switch",))
    config = dataclasses.replace(config, budgets=(5, 20), strategy=strategy)
    evaluate, computed = label_curve.evaluate, []

    def fail_after_three(cell, annotation):
        if len(computed) == 3:
            raise KeyboardInterrupt
        computed.append(cell)
        return evaluate(cell, annotation)

    monkeypatch.setattr(label_curve, "evaluate", fail_after_three)
    with pytest.raises(KeyboardInterrupt):
        label_curve.run(config)
    monkeypatch.setattr(label_curve, "evaluate", lambda *args: computed.append(args[0]) or evaluate(*args))
    text = label_curve.run(config)
    assert len(computed) == len(set(computed)) and "3 of 16 cells" in capsys.readouterr().out
    assert "4:1, 33 clips, 16 of none of the classes" in text and "16:1, 46 clips, 32 of" in text
    label_curve.run(config)
    assert len(computed) == 16
