"""experiments.label_curve as a real process: stopped, gone on with, extended."""

import json
import signal

import pytest

from tests import clustered, example_clips, processes

INFOS = example_clips.make_infos(48, 4)
TRAIN = [info for info in INFOS if info.fold == 1]
HEAD = {"hidden_units": 8, "head_epochs": 1, "head_min_steps": 20}


def flags(root, **options):
    given = {
        "embeddings": root / "all",
        "train_folds": 1,
        "folds": 2,
        "budgets": "4,12,24",
        "trials": 2,
        "output": root / "curve",
        **HEAD,
    }
    return processes.flags(**{**given, **options})


def run(root, **options):
    return processes.run("experiments.label_curve", *flags(root, **options))


@pytest.mark.slow
def test_a_curve_is_stopped_and_extended_and_nothing_is_computed_twice(tmp_path):
    example_clips.write(tmp_path / "all", INFOS)
    ids = [info.clip_id for info in TRAIN]
    clustered.write(tmp_path / "pairs", ids, [place // 2 for place in range(24)])
    clustered.write(tmp_path / "class-4", ids, [info.labels[0] for info in TRAIN])
    clustered.write(tmp_path / "class-12", ids, [info.labels[0] + 4 * (place % 3) for place, info in enumerate(TRAIN)])
    named = f"pairs={tmp_path}/pairs,class={tmp_path}/class-*"
    cells = tmp_path / "curve" / "cells"
    processes.stop_when_there(
        "experiments.label_curve",
        *flags(tmp_path, clusterings=named),
        path=cells / "class" / "4-0.json",
        signal_number=signal.SIGKILL,
    )
    first = {path: path.stat().st_mtime_ns for path in cells.rglob("*.json")}
    result = run(tmp_path, clusterings=named)
    assert result.returncode == 0, result.stderr
    assert f"{len(first)} of 14 classifiers are trained" in result.stdout  # 24 labels: random choice alone
    assert first.items() <= {path: path.stat().st_mtime_ns for path in cells.rglob("*.json")}.items()
    numbers = json.loads((tmp_path / "curve" / "results.json").read_text())
    assert numbers["label_curve/class/4/num_clusters"] == 4 and numbers["label_curve/class/12/num_clusters"] == 12
    assert numbers["label_curve/class/4/labelled_clips"] == 24 and numbers["label_curve/class/4/right"] == 1
    assert numbers["label_curve/pairs/4/labelled_clips"] == 8 and "label_curve/pairs/24/map" not in numbers
    assert numbers["label_curve/random/24/trials"] == 2 and numbers["label_curve/random/24/right"] == 1
    assert numbers["head/hidden_units"] == 8 and numbers["clips_digest"] and numbers["train_clips_digest"]
    assert "report.html" in result.stdout and (tmp_path / "curve" / "report.html").exists()

    again = run(tmp_path, clusterings=f"pairs={tmp_path}/pairs", budgets="4", trials=3)  # others stay where they are
    assert "4 of 6 classifiers are trained" in again.stdout
    for changed, named in (
        ({"head_min_steps": 21}, "head/head_min_steps: 20, now 21"),
        ({"clusterings": f"pairs={tmp_path}/class-4"}, "clusterings: pairs"),
    ):
        options = {"clusterings": f"pairs={tmp_path}/pairs", "budgets": "4", **changed}
        assert named in processes.error_of(run(tmp_path, **options))


@pytest.mark.slow
@pytest.mark.parametrize(
    "options, named",
    [
        ({"clusterings": "pairs"}, "NAME=FOLDER"),
        ({"clusterings": "random=x"}, "none of them random"),
        ({"clusterings": "a=nowhere*"}, "nowhere*: no such folder"),
        ({}, "--clusterings is required"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, options, named):
    example_clips.write(tmp_path / "all", INFOS)
    assert named in processes.error_of(run(tmp_path, **options))
