"""The whole table on synthetic recordings, with a tiny budget and tiny networks, except for the ResNet-50."""

import dataclasses
import json
import signal

import pytest

from audioset_triplet import presets
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.config.studies import Jansen2018Config
from audioset_triplet.errors import UserError
from audioset_triplet.studies.jansen2018 import study
from audioset_triplet.synthetic import recordings
from data_prep import esc50
from tests import processes
from tests.data_prep import written

MODULE = "experiments.reproduce_jansen2018"
HEAD = dict(hidden_units=8, head_epochs=1, head_min_steps=10)
TRAINING = dict(steps=2, batch_size=4, log_every_steps=1, checkpoint_every_steps=1, deterministic=True)
NETWORK = dict(architecture="toy", width=0.0625, embedding_size=8)
BLOCKS = (1, 1, 1, 1)
ROWS = "log_mel untrained noise translation mixing proximity joint topline log_mel_fc4 resnet50 contrastive".split()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    recordings.write_world(str(root / "sounds"), num_classes=3, clips_per_class=15, seconds=2.5)
    written.write(esc50.clips(root / "sounds", [3, 4, 5], "all"), root / "records", num_shards=1)
    return root / "records" / "*.tfrecord"


def program(data, output, **options):
    """The program that knows the toy network, and its flags."""
    budget = dict(preset="small", blocks=",".join(map(str, BLOCKS)), labels_per_class="1,2", trials=1)
    flags = processes.flags(data=data, output=output, **{**budget, **HEAD, **TRAINING, **NETWORK, **options})
    return ["tests.toy_network", MODULE, *flags]


def configs(data, output, **options):
    """The same as configs, and the options of the study."""
    given = dict(output=str(output), labels_per_class=(1, 2), trials=1, head=HeadConfig(**HEAD))
    base = presets.small()
    resnet = dataclasses.replace(base.network.resnet, blocks=BLOCKS)
    base = dataclasses.replace(
        base,
        data=DataConfig(str(data)),
        network=dataclasses.replace(base.network, resnet=resnet, **NETWORK),
        training=dataclasses.replace(base.training, **TRAINING),
    )
    return Jansen2018Config(**{**given, **options}), base


def cells_of(folder):
    """Cell -> its result in table.json, without times."""
    return {cell["cell"]: cell for cell in json.loads((folder / "table.json").read_text())["cells"]}


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory):
    """The folder of a table that was made without a stop."""
    folder = tmp_path_factory.mktemp("table") / "alone"
    result = processes.run(*program(data, folder))
    assert result.returncode == 0, result.stderr
    return folder


@pytest.mark.slow
def test_the_table_is_complete(alone):
    table = json.loads((alone / "table.json").read_text())
    assert table["complete"] and not table["missing"] and len(table["cells"]) == len(table["timing"]) == 9 * 4 + 2 + 1
    assert [row["name"] for row in table["rows"]] == ROWS
    for row in table["rows"]:
        embedding = row["name"] not in ("log_mel_fc4", "resnet50")
        measures = {"classification/map", "classification/accuracy"}
        measures |= {"retrieval/map", "knn/accuracy"} if embedding else set()
        measures |= {"semi_supervised/1/map", "semi_supervised/2/map"} if row["name"] != "resnet50" else set()
        assert measures < set(row["means"])
        assert all(0 <= row["means"][measure]["mean"] <= 1 for measure in measures)
    assert len({cell["clips_digest"] for cell in table["cells"]}) == 1
    assert {cell["num_clips"] for cell in table["cells"]} == {9}
    assert "missing" not in (alone / "table.md").read_text()
    page = (alone / "report.html").read_text()
    # Six methods, the ResNet-50 and the contrastive row.
    assert page.count("<polyline") == 8 and "Unfinished" not in page


@pytest.mark.slow
def test_a_table_that_was_stopped_twice_is_the_same(data, alone, tmp_path):
    command = program(data, tmp_path, only="joint,log_mel/knn,resnet50")
    checkpoint = tmp_path / "fold5-seed0" / "joint" / "run" / "checkpoints" / "ckpt-1.index"
    retrieval = tmp_path / "cells" / "fold5-seed0" / "joint" / "retrieval.json"
    killed = processes.stop_when_there(*command, path=checkpoint, signal_number=signal.SIGKILL)
    assert killed == -signal.SIGKILL and not retrieval.exists()
    interrupted = processes.stop_when_there(*command, path=retrieval, signal_number=signal.SIGINT)
    finished = {path: path.read_bytes() for path in tmp_path.glob("cells/*/*/*.json")}
    assert interrupted == 130 and retrieval in finished

    result = processes.run(*command)
    assert result.returncode == 0, result.stderr
    assert {path: path.read_bytes() for path in finished} == finished  # no cell is computed twice
    expected, cells = cells_of(alone), cells_of(tmp_path)
    assert set(cells) == {"fold5/log_mel/knn", "fold5-seed0/resnet50/classification"} | {
        f"fold5-seed0/joint/{task}" for task in ("retrieval", "classification", "semi_supervised", "knn")
    }
    assert cells == {name: expected[name] for name in cells}
    table = json.loads((tmp_path / "table.json").read_text())
    assert not table["complete"] and "fold5-seed0/noise/retrieval" in table["missing"]
    assert "missing" in (tmp_path / "table.md").read_text()


@pytest.mark.slow
def test_a_finished_table_is_left_as_it_is_and_other_settings_are_refused(data, alone):
    before = {path: path.read_bytes() for path in alone.rglob("*") if path.is_file()}
    again = processes.run(*program(data, alone))
    assert again.returncode == 0 and "39 of 39 cells are done" in again.stdout, again.stderr
    config, base = configs(data, alone, seeds=(0, 1), only=("joint",), dry_run=True)
    assert "4 of 8 cells are done; networks to train: 1, at most 2 steps" in study.run(config, base)
    longer = dataclasses.replace(base, training=dataclasses.replace(base.training, steps=3))
    with pytest.raises(UserError, match="rows/.*/training/steps: 2, now 3") as caught:
        study.run(config, longer)
    assert str(alone) in str(caught.value)
    assert before == {path: path.read_bytes() for path in alone.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_records_of_their_own_may_be_held_out_and_a_network_be_trained_on_few_labels(data, tmp_path, capfd):
    config, base = configs(
        data.parent / "fold3-*",
        tmp_path,
        eval_data=str(data.parent / "fold5-*"),
        labels_per_class=(2,),
        few_labels_from_scratch=True,
        only=("log_mel/knn", "resnet50/semi_supervised"),
    )
    study.run(config, dataclasses.replace(base, training=dataclasses.replace(base.training, deterministic=False)))
    assert "6 clips of 3 classes" in capfd.readouterr().err  # two of each
    cells = cells_of(tmp_path)
    assert set(cells) == {"split/log_mel/knn", "split-seed0/resnet50/semi_supervised"}
    assert {cell["num_clips"] for cell in cells.values()} == {9}
    assert 0 <= cells["split-seed0/resnet50/semi_supervised"]["values"]["2/map"][0] <= 1


@pytest.mark.slow
def test_a_bad_input_is_one_clear_line(data, tmp_path):
    table = tmp_path / "table"
    line = processes.error_of(processes.run(MODULE, *processes.flags(data=data, output=table, only="jiont")))
    assert "--only=jiont: there is no row 'jiont'; the rows are log_mel" in line
    with pytest.raises(UserError) as caught:
        study.run(*configs(data, table, folds=(9,)))
    assert f"--data={data} holds the folds 3, 4, 5, not 9, which --folds names" in str(caught.value)
    line = processes.error_of(processes.run(MODULE, *processes.flags(data=data, output=table, seeds="0,-1")))
    assert "--seeds must have values that are at least 0" in line and not table.exists()
