import dataclasses
import json
import pathlib

import pytest

from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.clustering import ClusterConfig, StoredEmbeddingsConfig
from audioset_triplet.config.coincidence import CoincidenceConfig
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.runs import objectives, run_config


def written(folder: pathlib.Path, config) -> str:
    run_config.write(str(folder), config)
    return str(folder)


@pytest.mark.parametrize("name", sorted(objectives.OBJECTIVES))
def test_the_settings_of_every_objective_come_back_in_their_class(tmp_path: pathlib.Path, name: str) -> None:
    default = objectives.OBJECTIVES[name]()
    config = dataclasses.replace(default, training=dataclasses.replace(default.training, steps=7))
    assert run_config.read(written(tmp_path, config)) == config
    assert json.loads((tmp_path / "config.json").read_text())["objective"] == name
    assert run_config.read_as(str(tmp_path), type(config)) == config


def test_a_run_of_another_objective_is_one_clear_line(tmp_path: pathlib.Path) -> None:
    workdir = written(tmp_path, TripletConfig())
    with pytest.raises(UserError, match="objective triplet; what is needed here is classifier or coincidence.$"):
        run_config.read_as(workdir, ClassifierConfig, CoincidenceConfig)


def test_a_run_of_an_older_version_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(dataclasses.asdict(TripletConfig())))
    with pytest.raises(UserError, match="names no objective: an older version of this project wrote it"):
        run_config.read_as(str(tmp_path), TripletConfig)
    with pytest.raises(UserError, match="names no objective"):
        run_config.require_same(str(tmp_path), TripletConfig())


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "config.json: damaged"),
        ("[]", "config.json: damaged: it holds a list, not an object"),
        ("{}", "config.json names no objective"),
        ('{"objective": "new"}', "'new' is not one of the objectives triplet, instances, classifier"),
        ('{"objective": "triplet", "margin": 1}', "config.json: TripletConfig has no field margin"),
        ('{"objective": "triplet", "loss": {"margin": 0}}', "config.json: --margin must be above 0"),
    ],
)
def test_a_damaged_file_is_one_clear_line(tmp_path: pathlib.Path, text: str, message: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=message):
        run_config.read(str(tmp_path))


def test_settings_are_compared_but_for_the_place_of_the_input(tmp_path: pathlib.Path) -> None:
    workdir = written(tmp_path, TripletConfig(data=DataConfig(data="here/*", folds=(1,))))
    run_config.require_same(workdir, TripletConfig(data=DataConfig(data="there/*", folds=(1,))))
    with pytest.raises(UserError, match=r"other settings .data/folds: \[1\], now \[2\], training/steps: 100000, now 5"):
        run_config.require_same(workdir, TripletConfig(data=DataConfig(folds=(2,)), training=TrainingConfig(steps=5)))
    with pytest.raises(UserError, match="other settings .objective: triplet, now clustering"):
        run_config.require_same(workdir, ClusterConfig(data=StoredEmbeddingsConfig("embeddings")))


def test_a_folder_of_runs_is_not_a_run_and_says_which_it_holds(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UserError, match="it has no config.json.$"):
        run_config.read_as(str(tmp_path), TripletConfig)
    for stage in ("stage1", "stage2"):
        run_config.write(str(tmp_path / stage), TripletConfig())
    with pytest.raises(UserError, match="no config.json. .*stage2 is one.$"):
        run_config.read_as(str(tmp_path), TripletConfig)
