import dataclasses
import json

import pytest

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.studies import Hornauer2021Config
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation.table import Cell
from audioset_triplet.presets import TWO_STAGE_PRESETS
from audioset_triplet.studies.hornauer2021 import data_sets, pretraining, sections, study
from audioset_triplet.studies.hornauer2021.data_sets import DataSet, HeldOut
from tests import processes, tiny_records

# Ten clips in two folds; "few" is a part of "many", and "town" has a recording of it.
MANY = [ClipInfo(f"many{index}", f"recording{index}", (index % 5,), fold=1 + index % 2) for index in range(10)]
FEW = [clip for clip in MANY if clip.labels == (0,)]  # many0 of fold 1 and many5 of fold 2
TOWN = [ClipInfo(f"town{index}", f"recording{9 + index}", (0,), fold=1 + index // 2) for index in range(4)]
SETS = {
    "few": DataSet("few", "few*", FEW),
    "many": DataSet("many", "many*", MANY),
    "town": DataSet("town", "town*", TOWN),
}


def learned(row, data_set, fold):
    chosen = pretraining.choose(row, HeldOut(data_set, fold), SETS)
    return chosen.name, chosen.data, {clip.clip_id for clip in chosen.clips}


def test_a_held_out_recording_is_left_out_of_all_data_sets():
    assert [one.name for one in data_sets.distinct(SETS)] == ["many", "town"]
    everything = {clip.clip_id for clip in MANY + TOWN}
    second_fold = {clip.clip_id for clip in MANY if clip.fold == 2}  # recording9 among them, which town0 has too
    for data_set in ("few", "many"):
        assert learned("all", data_set, 2) == (
            "all-without-many-fold2",
            "many*,town*",
            everything - second_fold - {"town0"},
        )
    assert learned("all", "town", 1)[2] == everything - {"town0", "town1", "many9"}
    assert learned("all_folds", "town", 1) == ("all-folds", "many*,town*", everything)


def test_a_part_with_folds_of_its_own_leaves_out_its_own():
    part = [ClipInfo("many0", "recording0", (0,), fold=2), ClipInfo("many1", "recording1", (1,), fold=1)]
    sets = {**SETS, "part": DataSet("part", "part*", part)}
    chosen = pretraining.choose("all", HeldOut("part", 2), sets)
    assert chosen.name == "all-without-part-fold2"
    assert {clip.clip_id for clip in chosen.clips} == {clip.clip_id for clip in MANY + TOWN} - {"many0"}


def test_own_and_other_data_sets():
    assert learned("own", "few", 2) == ("own-few-without-fold2", "few*", {"many0"})
    assert learned("others", "few", 2) == ("others-than-many", "town*", {"town1", "town2", "town3"})
    assert learned("others", "town", 1)[2] == {clip.clip_id for clip in MANY} - {"many9"}
    assert pretraining.choose("scratch", HeldOut("few", 1), SETS) is None
    assert pretraining.choose("imagenet", HeldOut("few", 1), SETS) is None
    alone = {"few": SETS["few"]}
    with pytest.raises(UserError, match="pre-training others-than-few: there is no clip to learn from"):
        pretraining.choose("others", HeldOut("few", 1), alone)


def test_folds_are_held_out_by_name():
    assert data_sets.held_out((), {"few": SETS["few"], "town": SETS["town"]}) == [
        *(HeldOut("few", fold) for fold in (1, 2)),
        *(HeldOut("town", fold) for fold in (1, 2)),
    ]
    assert data_sets.held_out(("town=2", "town=1", "town=2"), SETS) == [HeldOut("town", 2), HeldOut("town", 1)]
    assert HeldOut.of_split(HeldOut("a-fold1", 12).split) == HeldOut("a-fold1", 12)
    for value, message in (("town=3", "town has the folds 1, 2"), ("city=1", "no set of --data_sets has this name")):
        with pytest.raises(UserError, match=message):
            data_sets.held_out((value,), SETS)
    lonely = {"few": DataSet("few", "few*", FEW[:1])}
    with pytest.raises(UserError, match="no fold can be held out"):
        data_sets.held_out((), lonely)


def test_a_plan_says_which_folds_of_a_protocol_and_which_starts_there_are(tmp_path):
    clips = [
        dataclasses.replace(tiny_records.make_clip(index, index % 10), fold=1 + index // 10) for index in range(20)
    ]
    path = tiny_records.write(tmp_path / "esc10.tfrecord", clips)
    preset = TWO_STAGE_PRESETS["small_hornauer2021"]()
    config = Hornauer2021Config(output=str(tmp_path / "curves"), data_sets=(f"esc10={path}",), dry_run=True)
    plan = study.run(config, preset.pretraining, preset.finetuning).splitlines()
    assert "0 of 6 cells are done" in plan[-3]
    assert plan[-2] == "others and all need clips of a second data set."
    assert plan[-1] == "ESC-10, without fold 3, 4, 5: these are not numbers of the protocol."


def test_pretraining_shares_windows_network_and_devices_with_fine_tuning():
    base = TWO_STAGE_PRESETS["hornauer2021"]()
    finetuned = dataclasses.replace(
        base.finetuning, training=dataclasses.replace(base.finetuning.training, deterministic=True)
    )
    config = study.pretraining_config(
        Hornauer2021Config(loss=base.pretraining.loss, pretraining_steps=7), base.pretraining, finetuned
    )
    assert config.network.architecture == "esresnet_attention" and config.network.embedding_size == 128
    assert config.waveforms == finetuned.waveforms and config.training.deterministic
    assert (config.training.steps, config.training.learning_rate) == (7, 0.03)
    assert (config.loss.num_negatives, config.loss.temperature, config.training.batch_size) == (64, 0.4, 64)
    # 200 epochs of ESC-50, UrbanSound8K and DCASE 2013.
    assert pretraining.epochs(base.pretraining, 2000 + 8732 + 200) == pytest.approx(200, abs=0.01)


def test_the_cost_is_the_mean_over_the_seeds_that_are_known(tmp_path):
    trained = pretraining.Pretrainings(str(tmp_path), TWO_STAGE_PRESETS["small_hornauer2021"]().pretraining)
    for seed, minutes in ((0, 2.0), (1, 4.0)):
        folder = tmp_path / "pretraining" / f"all-folds-seed{seed}"
        folder.mkdir(parents=True)
        (folder / "cost.json").write_text(json.dumps({"core_minutes": minutes}))
    use = sections.Use(pretraining.Pretraining("all-folds", "", MANY), ["b/all_folds", "a/all_folds"], [1, 0, 2])
    [row] = sections.costs(trained, [use]).grids[0].rows
    assert row[:2] == ["all-folds", "10"] and row[4:] == ["3.0", "0, 1, 2", "a/all_folds, b/all_folds"]
    assert sections.starts([Cell("few-fold1", 0, "scratch", "")]).grids[0].rows == [["scratch", "random weights"]]


@pytest.mark.slow
def test_starts_are_trained_once_and_the_curves_of_all_data_sets_are_on_one_page(tmp_path):
    clips = tiny_records.make_clips(16)
    town = [
        dataclasses.replace(clip, clip_id=f"town{clip.clip_id}", recording_id=f"town{clip.recording_id}")
        for clip in tiny_records.make_clips(8)
    ]
    sets = {"many": clips, "few": clips[:8], "town": town}
    paths = {name: tiny_records.write(tmp_path / f"{name}.tfrecord", ones) for name, ones in sets.items()}
    output = tmp_path / "curves"
    module = ("tests.toy_network", "experiments.reproduce_hornauer2021")
    flags = processes.flags(
        data_sets=",".join(f"{name}={path}" for name, path in paths.items()),
        held_out="few=2",
        preset="small_hornauer2021",
        architecture="toy",
        batch_size=4,
        epochs=2,
        pretraining_steps=2,
        output=output,
    )
    first = processes.run(*module, *flags, "--only=scratch,all")
    assert first.returncode == 0, first.stderr
    plan = processes.run(*module, *flags, "--dry_run")
    assert "2 of 5 cells are done; networks to train: 6" in plan.stdout, plan.stderr
    assert "need clips of a second data set" not in plan.stdout
    done = processes.run(*module, *flags)
    assert done.returncode == 0, done.stderr
    trained = sorted(path.name for path in (output / "pretraining").iterdir())
    names = ("all-folds", "all-without-many-fold2", "others-than-many", "own-few-without-fold2")
    assert trained == [f"{name}-seed0" for name in names]
    assert all(json.loads((output / "pretraining" / name / "cost.json").read_text()) for name in trained)
    results = json.loads((output / "results.json").read_text())
    starts = ["scratch", "own", "others", "all", "all_folds"]
    assert results["complete"] and list(results["data_sets"]) == ["many", "few", "town"]
    assert list(results["data_sets"]["few"]) == starts
    assert all(list(one["accuracy"]) == ["1", "2"] for one in results["data_sets"]["few"].values())
    for start in starts:
        cell = json.loads((output / "cells" / "few-fold2-seed0" / start / "finetuning.json").read_text())
        assert cell["details"]["num_learned"] == (4 if start == "all_folds" else 0)
    table = (output / "table.md").read_text()
    assert "## few: Accuracy by epoch" in table and "## What pre-training costs" in table
    fewer = [flag for flag in flags if not flag.startswith(("--data_sets", "--held_out"))]
    refused = processes.run(*module, *fewer, f"--data_sets=many={paths['many']}", "--dry_run")
    assert "holds a study with other settings" in processes.error_of(refused)  # all would be fewer clips
