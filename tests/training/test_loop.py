"""Training as a person runs it: real records, real processes."""

import dataclasses
import json
import shutil
import signal
import time

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.network import EmbeddingNetworkConfig
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.runs import checkpoints, metrics_log, run_config, trained_networks
from audioset_triplet.training import triplet
from tests import processes, tiny_records
from tests.training.tiny_runs import TINY_BACKBONE, check_killed_run, tiny_config

MODULE = "experiments.train_triplet"
TINY = dict(preset="small", width=0.0625, blocks="1,1,1,1", embedding_size=8, batch_size=8)
TINY.update(log_every_steps=2, checkpoint_every_steps=3)
TOY_PROGRAM = ("tests.toy_network", MODULE)
TOY_RUN = dict(TINY, architecture="toy")


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """The work directory of a run of four steps."""
    workdir = tmp_path_factory.mktemp("run")
    triplet.train(tiny_config(data), str(workdir))
    return workdir


def test_a_run_leaves_its_record(data, finished):
    assert run_config.read_as(str(finished), TripletConfig) == tiny_config(data)
    lines = metrics_log.read(str(finished))
    assert [line["step"] for line in lines] == [2, 4]
    assert all(np.isfinite(list(line.values())).all() for line in lines)
    record = json.loads((finished / "run.json").read_text())
    assert record["tensorflow"] == tf.__version__
    assert record["splits"] == [{"split": "all", "clips": 16, "clips_digest": "0123456789abcdef"}]
    assert list((finished / "tensorboard").glob("events*"))
    network, _, _ = trained_networks.restore_embedding(str(finished))
    assert network.output_shape == (None, 8)


def test_the_same_command_again_changes_nothing(data, finished, capsys):
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    triplet.train(tiny_config(data), str(finished))
    assert before == {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    assert "is trained" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["index", "data-00000-of-00001"])
def test_a_damaged_checkpoint_is_one_clear_line(data, finished, tmp_path, suffix):
    shutil.copytree(finished, tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / f"ckpt-4.{suffix}"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match="ckpt-4: damaged"):
        triplet.train(tiny_config(data), str(tmp_path / "run"))
    with pytest.raises(UserError, match="ckpt-4: damaged"):
        trained_networks.restore_embedding(str(tmp_path / "run"))


def test_other_settings_in_a_work_directory_are_refused(data, finished):
    with pytest.raises(UserError, match="learning_rate: 0.0001, now 0.5"):
        triplet.train(tiny_config(data, learning_rate=0.5), str(finished))


def test_other_clips_in_a_work_directory_are_refused(data, finished):
    with pytest.raises(UserError, match="holds a run on other clips or records .*clips: None, now 1"):
        triplet.train(tiny_config(data), str(finished), ["clip0"])


def test_records_may_move_but_not_change(data, finished, tmp_path, capsys):
    moved = shutil.copy(data, tmp_path)
    triplet.train(tiny_config(moved), str(finished))
    assert "is trained" in capsys.readouterr().err
    tiny_records.write(moved, tiny_records.make_clips(15))
    with pytest.raises(UserError, match="holds a run on other clips or records .bytes: .*files_digest: "):
        triplet.train(tiny_config(moved), str(finished))


def test_bad_data_is_refused_before_anything_is_written(data, tmp_path):
    one_window = tiny_records.write(
        tmp_path / "short.tfrecord", [tiny_records.make_clip(i, seconds=1) for i in range(3)]
    )
    empty = tiny_records.write(tmp_path / "empty.tfrecord", [])
    other_fold = dataclasses.replace(tiny_config(data), data=DataConfig(data=data, folds=(7,)))
    bad = {
        "clip of another fold": (other_fold, "holds no clip of fold 7, only of"),
        "no file": (tiny_config(str(tmp_path / "none*")), "no such file"),
        "no clip": (tiny_config(empty), "no clip in .*empty.tfrecord: all is empty"),
        "one window": (tiny_config(one_window, "proximity"), "--method=proximity can use"),
    }
    for settings, message in bad.values():
        with pytest.raises(UserError, match=message):
            triplet.train(settings, str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_damaged_records_are_skipped_and_a_loss_that_is_not_finite_names_its_clips(data, tmp_path, capsys):
    damaged = tmp_path / "damaged.tfrecord"
    damaged.write_bytes(open(data, "rb").read()[:-1000])
    settings = tiny_config(str(damaged), optimizer="sgd", learning_rate=1e38, checkpoint_every_steps=1)
    settings = dataclasses.replace(settings, network=EmbeddingNetworkConfig(**TINY_BACKBONE, embedding_size=8))
    message = rf"is nan at step 2, in a batch of {damaged}: record \d+ \(clip clip\d+\); .*and \d more. Norms: .*ckpt-1"
    with pytest.raises(UserError, match=message):
        triplet.train(settings, str(tmp_path / "run"))
    said = capsys.readouterr().err
    assert said.count(f"{damaged}: record 15: truncated") == 1 and "1 damaged records were skipped" in said


@pytest.mark.slow
def test_what_is_restored_of_a_run_with_an_average_is_the_average(data, tmp_path):
    settings = tiny_config(data, moving_average=0.9, learning_rate=1e-2)
    triplet.train(settings, str(tmp_path / "run"))
    network, _, path = trained_networks.restore_embedding(str(tmp_path / "run"))
    reader = tf.train.load_checkpoint(path)
    key = "/layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE"
    average, weight = (reader.get_tensor(name + key) for name in ("average_network", "network"))
    np.testing.assert_array_equal(network.get_layer("hidden").kernel, average)
    assert np.abs(average - weight).max() > 1e-4


@pytest.mark.slow
def test_killed_and_resumed_ends_with_the_weights_of_a_run_left_alone(data, tmp_path):
    arguments = processes.flags(**TINY, data=data, steps=30, deterministic=True)
    killed = check_killed_run(MODULE, arguments, tmp_path, killed_at=(3, 9))
    steps = [line["step"] for line in metrics_log.read(str(killed))]
    assert steps == list(range(2, 31, 2))


@pytest.mark.slow
def test_sigterm_saves_and_exits_with_0(data, tmp_path):
    options = {**TOY_RUN, "log_every_steps": 1, "checkpoint_every_steps": 100_000}
    arguments = processes.flags(**options, data=data, workdir=tmp_path / "run", steps=100_000)
    path = tmp_path / "run" / "tensorboard"  # there before the first step, which takes the longest
    assert processes.stop_when_there(*TOY_PROGRAM, *arguments, path=path, signal_number=signal.SIGTERM) == 0
    last_step = metrics_log.read(str(tmp_path / "run"))[-1]["step"]
    assert trained_networks.restore_embedding(str(tmp_path / "run"))[2].endswith(f"ckpt-{last_step}")


@pytest.mark.slow
def test_a_run_on_two_devices(data, tmp_path):
    result = processes.run("tests.training.mirrored_run", data, tmp_path / "run")
    assert result.returncode == 0, result.stderr
    assert "--batch_size=5 does not divide into 2 devices" in result.stdout
    assert "--jit_compile is for one device, and --strategy=mirrored has 2" in result.stdout
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["strategy"] == "MirroredStrategy" and len(record["devices"]) == 2
    lines = metrics_log.read(str(tmp_path / "run"))
    assert [line["step"] for line in lines] == [2, 4]
    assert all(0 < line["active"] <= 1 and line["positive_distance"] <= 4 for line in lines)  # not summed over devices
    assert trained_networks.restore_embedding(str(tmp_path / "run"))[0].output_shape == (None, 8)


@pytest.mark.slow
def test_two_workers_end_where_another_process_writes(data, tmp_path):
    (tmp_path / "run").mkdir()
    flags = processes.flags(**TOY_RUN, data=data, workdir=tmp_path / "run", steps=2, strategy="multi_worker")
    with processes.held_by_another(tmp_path / "run"):
        chief, other = processes.start_workers(2, *TOY_PROGRAM, *flags)
        assert (chief.wait(timeout=120), other.wait(timeout=120)) == (1, 1)
    assert "run: another process writes there: wait for it" in chief.output()[1]
    assert other.output()[1].splitlines()[-1].startswith("error: another worker was lost")
    assert not list((tmp_path / "run").iterdir())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_on_two_workers_of_which_one_is_lost(data, tmp_path):
    def arguments(steps):
        return processes.flags(**TOY_RUN, data=data, workdir=tmp_path / "run", steps=steps, strategy="multi_worker")

    checkpoint_folder, many = tmp_path / "run" / "checkpoints", 100_000
    chief, other = processes.start_workers(2, *TOY_PROGRAM, *arguments(many))
    while not list(checkpoint_folder.glob("ckpt-*.index")):
        assert chief.poll() is None and other.poll() is None, (chief.output(), other.output())
        time.sleep(0.05)
    other.kill()
    assert chief.wait(timeout=120) == 1
    said = chief.output()[1]
    assert "error: another worker was lost" in said.splitlines()[-1], said

    saved = checkpoints.step_of(tf.train.latest_checkpoint(str(checkpoint_folder)))
    path = tmp_path / "run" / "config.json"
    path.write_text(path.read_text().replace(f'"steps": {many}', f'"steps": {saved + 1}'))
    processes.run_workers(
        2, *TOY_PROGRAM, *arguments(saved + 1)
    )  # both from that step on, or one would wait for the other
    assert (checkpoint_folder / f"ckpt-{saved + 1}.index").exists()
    lines = metrics_log.read(str(tmp_path / "run"))
    steps = [line["step"] for line in lines]
    assert steps == sorted(set(steps)) and steps[-1] == saved + 1 and all(line["active"] <= 1 for line in lines)
    assert trained_networks.restore_embedding(str(tmp_path / "run"))[0].output_shape == (None, 8)
