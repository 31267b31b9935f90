import dataclasses
import json
import statistics

import pytest

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation.table import Cell, CellResult
from audioset_triplet.records import clip_labels
from audioset_triplet.runs import instances, manifest, run_config
from audioset_triplet.studies.finetuning import protocols, sections, starts
from tests import processes, tiny_records
from tests.training.test_instances import config_of as instance_config


def result_of(fold, values, seed=0, row="scratch", num_learned=0):
    lines = [{"epoch": epoch, "step": 10 * epoch, "accuracy": value} for epoch, value in values.items()]
    cell = Cell(f"fold{fold}", seed, row, "finetuning")
    details = {"epochs": lines, "num_learned": num_learned}
    return CellResult(cell, {"accuracy": [1.0]}, {}, 8, "digest", 1.0, {}, details)


def test_mean_and_spread_by_hand():
    results = [result_of(1, {1: 0.2, 2: 0.5, 3: 0.9}), result_of(2, {1: 0.4, 2: 0.7})]
    band = sections.band_of(sections.curves_of(results, "accuracy"))
    assert list(band) == [1, 2]  # which both have
    assert band[1] == (pytest.approx(0.3), pytest.approx(0.1 * 2**0.5))
    assert band[2] == (pytest.approx(0.6), pytest.approx(statistics.stdev([0.5, 0.7])))
    assert sections.band_of(sections.curves_of(results[:1], "accuracy"))[3] == (0.9, None)
    assert sections.curves_of(results, "map") == {} and sections.band_of({}) == {}
    assert sections.numbers(results)["accuracy"]["1"] == {
        "mean": pytest.approx(0.3),
        "std": pytest.approx(0.1 * 2**0.5),
        "runs": 2,
    }


def test_a_section_has_each_run_and_the_mean_with_its_spread():
    by_start = {
        "scratch": [result_of(fold, {epoch: 0.01 * epoch * fold for epoch in range(1, 21)}) for fold in (1, 2)],
        "npid": [result_of(1, {1: 0.5, 20: 0.7}, row="npid", num_learned=None)],
    }
    accuracy, origins = sections.build(by_start)
    assert accuracy.grids[0].header[:3] == ["start", "runs", "1"] and accuracy.grids[0].header[-1] == "20"
    assert len(accuracy.grids[0].header) == 2 + 8
    assert accuracy.grids[0].rows[0][:3] == ["scratch", "2", "0.015 ± 0.007"]
    assert accuracy.grids[0].rows[1] == ["npid", "1", "0.500", *["–"] * 6, "0.700"]
    together, scratch, npid = accuracy.figures
    assert [line.name for line in together.lines] == ["scratch", "npid"]
    assert [len(line.area) for line in together.lines] == [40, 0]  # 20 epochs, there and back
    highest, lowest = together.lines[0].area[19], together.lines[0].area[20]
    assert highest[0] == lowest[0] == together.lines[0].dots[-1].x
    assert (highest[1] + lowest[1]) / 2 == pytest.approx(together.lines[0].dots[-1].y)
    assert [line.name for line in scratch.lines] == ["fold1-seed0", "fold2-seed0"] and len(npid.lines[0].dots) == 2
    assert origins.grids[0].rows == [["scratch", "0", "16"], ["npid", "not known", "8"]]


@pytest.mark.parametrize(
    "name, num_classes, fold, message",
    [
        ("esc50", 49, 5, "ESC-50 has 50 classes, and the records have 49"),
        ("esc10", 10, 6, "ESC-10 has the folds 1 to 5, and the records have fold 6"),
        ("urbansound8k", 10, 10, None),
        ("dcase2013", 10, 3, "public and private set has the folds 1 to 2, and the records have fold 3"),
        ("dcase2013_challenge", 10, -1, "and the records have fold -1"),
    ],
)
def test_records_of_another_data_set_are_refused(name, num_classes, fold, message):
    clips = [ClipInfo(f"clip{label}", f"clip{label}", (label,), fold=1) for label in range(num_classes)]
    clips.append(ClipInfo("last", "last", (0,), fold=fold))
    if message is None:
        protocols.require(name, clips)
    else:
        with pytest.raises(UserError, match=message):
            protocols.require(name, clips)
    assert protocols.missing("dcase2013", ["fold2"]) == [1] and protocols.missing("esc10", ["fold1"]) == [2, 3, 4, 5]


def test_starts_are_read_and_their_folders_may_depend_on_the_fold():
    folders = starts.parse(["scratch", "npid=runs/without-{fold}", "all=runs/all"])
    assert folders == {"scratch": "", "npid": "runs/without-{fold}", "all": "runs/all"}
    assert starts.folder_of(folders["npid"], "fold10") == "runs/without-10"
    assert starts.folder_of(folders["all"], "fold10") == "runs/all" and starts.folder_of("", "fold1") == ""
    for wrong in ("npid", "=runs", "scratch=runs", "npid="):
        with pytest.raises(UserError, match="--starts needs scratch or NAME=RUN, "):
            starts.parse([wrong])
    with pytest.raises(UserError, match="has the name a twice"):
        starts.parse(["a=b", "a=c"])


def test_the_evaluated_clips_that_a_start_has_learned_from_are_counted(tmp_path):
    data = tiny_records.write(tmp_path / "clips.tfrecord", tiny_records.make_clips(8))  # four clips in each fold
    evaluated = clip_labels.read(data, [2])
    assert starts.num_learned("", evaluated) == 0

    workdir = str(tmp_path / "instances")
    instances.write(workdir, ["clip0", "clip5", "clip6"])
    run_config.write(workdir, instance_config(data))
    assert starts.num_learned(workdir, evaluated) == 2

    for folds, learned in (((), 4), ((1,), 0)):
        workdir = str(tmp_path / f"triplet{len(folds)}")
        manifest.write(workdir, {"files": 1})
        run_config.write(workdir, TripletConfig(data=DataConfig(data, folds)))
        assert starts.num_learned(workdir, evaluated) == learned
    manifest.write(workdir, {"files": 1, "clips": 3})
    assert starts.num_learned(workdir, evaluated) is None
    gone = dataclasses.replace(run_config.read(workdir), data=DataConfig(str(tmp_path / "gone*")))
    manifest.write(workdir, {"files": 1})
    run_config.write(workdir, gone)
    assert starts.num_learned(workdir, evaluated) is None


@pytest.mark.slow
def test_every_fold_is_held_out_and_a_stopped_study_goes_on(tmp_path):
    data = tiny_records.write(tmp_path / "clips.tfrecord", tiny_records.make_clips(16))
    network = dict(architecture="toy", preset="small_classifier", batch_size=4)
    shared = dict(data=data, architecture="toy", preset="small_instances", batch_size=4, steps=6)
    run = processes.run(
        "tests.toy_network", "experiments.train_instances", *processes.flags(**shared, workdir=tmp_path / "npid")
    )
    assert run.returncode == 0, run.stderr
    output = tmp_path / "study"
    options = dict(network, data=data, output=output, epochs=3, trained_layers="head", deterministic=True)
    module = ("tests.toy_network", "experiments.finetune")
    first = processes.run(*module, *processes.flags(**options, starts="scratch", folds="2"))
    assert first.returncode == 0, first.stderr
    both = f"scratch,npid={tmp_path}/npid"
    plan = processes.run(*module, *processes.flags(**options, starts=both, dry_run=True))
    assert "1 of 4 cells are done; networks to train: 3" in plan.stdout
    done = processes.run(*module, *processes.flags(**options, starts=both))
    assert done.returncode == 0, done.stderr
    assert "1 of 4 cells are done" in done.stdout

    results = json.loads((output / "results.json").read_text())
    assert results["complete"] and list(results["starts"]) == ["scratch", "npid"]
    for start in ("scratch", "npid"):
        by_epoch = results["starts"][start]["accuracy"]
        assert list(by_epoch) == ["1", "2", "3"] and all(one["runs"] == 2 for one in by_epoch.values())
    table = (output / "table.md").read_text()
    assert "| npid | 16 | 16 |" in table and "| scratch | 0 | 16 |" in table
    assert '<polygon class="area"' in (output / "report.html").read_text()
    settings = [
        json.loads((output / "fold1-seed0" / start / "run" / "config.json").read_text())
        for start in ("scratch", "npid")
    ]
    assert [one["start"]["trained_layers"] for one in settings] == ["all", "head"]
    assert [one["training"]["steps"] for one in settings] == [6, 6]  # three epochs of eight clips
    wrong = processes.run(*module, *processes.flags(**options, starts="scratch", protocol="esc50"))
    assert "ESC-50 has 50 classes, and the records have 4" in processes.error_of(wrong)
