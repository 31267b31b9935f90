"""experiments.label_curve as a real process: stopped, resumed, extended."""

import dataclasses
import json
import signal

import pytest

from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.config.label_curve import LabelCurveConfig, PoolConfig, StrategiesConfig
from audioset_triplet.errors import UserError
from audioset_triplet.studies import label_curve
from tests import clustered, example_clips, processes

INFOS = example_clips.make_infos(48, 4)
TRAIN = [info for info in INFOS if info.fold == 1]
HEAD = {"hidden_units": 8, "head_epochs": 1, "head_min_steps": 20}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curve")
    ids = [info.clip_id for info in TRAIN]
    example_clips.write(folder / "all", INFOS)
    clustered.write(folder / "pairs", ids, [index // 2 for index in range(24)])
    clustered.write(folder / "class-4", ids, [info.labels[0] for info in TRAIN])
    clustered.write(folder / "class-12", ids, [info.labels[0] + 4 * (index % 3) for index, info in enumerate(TRAIN)])
    return folder


@pytest.mark.slow
def test_a_curve_is_stopped_and_extended_and_nothing_is_computed_twice(root, capsys):
    flags = processes.flags(
        embeddings=root / "all",
        train_folds=1,
        folds=2,
        budgets="4,12,24",
        trials=2,
        output=root / "curve",
        clusterings=f"pairs={root}/pairs,class={root}/class-*",
        **HEAD,
    )
    cells = root / "curve" / "cells"
    processes.stop_when_there(
        "experiments.label_curve",
        *flags,
        path=cells / "split-seed0" / "class" / "4.json",
        signal_number=signal.SIGKILL,
    )
    first = {path: path.stat().st_mtime_ns for path in cells.rglob("*.json")}
    result = processes.run("experiments.label_curve", *flags)
    assert result.returncode == 0, result.stderr
    assert f"{len(first)} of 14 cells are done" in result.stdout  # 24 labels: random selection alone
    assert first.items() <= {path: path.stat().st_mtime_ns for path in cells.rglob("*.json")}.items()
    numbers = json.loads((root / "curve" / "results.json").read_text())
    assert numbers["label_curve/class/4/num_clusters"] == 4 and numbers["label_curve/class/12/num_clusters"] == 12
    assert numbers["label_curve/class/4/labelled_clips"] == 24 and numbers["label_curve/class/4/right"] == 1
    assert numbers["label_curve/pairs/4/labelled_clips"] == 8 and "label_curve/pairs/24/map" not in numbers
    assert numbers["label_curve/random/24/trials"] == 2 and numbers["label_curve/random/24/right"] == 1
    assert numbers["head/hidden_units"] == 8 and numbers["clips_digest"] and numbers["train_clips_digest"]
    assert "report.html" in result.stdout and (root / "curve" / "report.html").exists()

    config = LabelCurveConfig(
        embeddings=str(root / "all"),
        train_folds=(1,),
        folds=(2,),
        budgets=(4,),
        trials=3,
        output=str(root / "curve"),
        clusterings=(f"pairs={root}/pairs",),  # results of other clusterings stay where they are
        head=HeadConfig(**HEAD),
    )
    assert "pairs" in label_curve.run(config) and "4 of 6 cells are done" in capsys.readouterr().out
    for changed, message in (
        ({"head": dataclasses.replace(config.head, head_min_steps=21)}, "head/head_min_steps: 20, now 21"),
        ({"clusterings": (f"pairs={root}/class-4",)}, "clusterings/pairs"),
    ):
        with pytest.raises(UserError, match=message):
            label_curve.run(dataclasses.replace(config, **changed))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"clusterings": ("pairs",)}, "NAME=FOLDER"),
        ({"clusterings": ("random=x",)}, "none of random"),
        ({"clusterings": ("a-switch=x",)}, "a name that does not end in -switch"),
        ({"clusterings": ("a=x", "a=y")}, "--clusterings has the name a twice"),
        ({"clusterings": ("a=kmeans:0",)}, "kmeans:0: no such folder"),
        ({"clusterings": ("a=nowhere*",)}, r"nowhere\*: no such folder"),
        ({"budgets": (4, 25)}, "--budgets must be at most 24, the clips that can be queried, not 25"),
    ],
)
def test_an_option_that_does_not_fit_is_named(root, options, message):
    config = LabelCurveConfig(embeddings=str(root / "all"), train_folds=(1,), folds=(2,), **options)
    with pytest.raises(UserError, match=message):
        label_curve.run(config)


@pytest.mark.parametrize(
    "config, options, message",
    [
        (PoolConfig, {"ratios": (0.5,)}, "--ratios must have values that are at least 1, not 0.5"),
        (PoolConfig, {"ratios": (10.0, 10.0)}, "--ratios names a ratio twice"),
        (PoolConfig, {"ratios": (10.0, 100.0), "rarest": (1, 2, 3)}, "one for each of the 2 --ratios, not 3"),
        (PoolConfig, {"outside_except": ("dog",)}, "--outside_except needs --outside"),
        (StrategiesConfig, {"strategies": ()}, "--strategies needs the name of one"),
        (StrategiesConfig, {"strategies": ("guess",)}, "one of clusters, switch, margin, uncertain, mined"),
        (StrategiesConfig, {"single_every": 1}, "at least 2"),
    ],
)
def test_settings_that_make_no_sense_are_named(config, options, message):
    with pytest.raises(UserError, match=message):
        config(**options)


def test_clusters_of_other_clips_are_refused_for_pools(root):
    config = LabelCurveConfig(
        embeddings=str(root / "all"),
        train_folds=(1,),
        folds=(2,),
        clusterings=(f"pairs={root}/pairs",),
        pool=PoolConfig(ratios=(10.0,)),
    )
    with pytest.raises(UserError, match="of which pairs is no clustering: give NAME=entropy:N or NAME=kmeans:N"):
        label_curve.run(config)
