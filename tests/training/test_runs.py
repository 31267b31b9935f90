"""Training as a person runs it: real records, real processes."""

import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet import config
from audioset_triplet.config import (
    METHODS,
    DataConfig,
    LossConfig,
    ModelConfig,
    SamplingConfig,
    TrainingConfig,
    TripletConfig,
)
from audioset_triplet.errors import UserError
from audioset_triplet.models import checkpoints
from audioset_triplet.training import callbacks, inputs, triplet
from tests import processes, tiny_records

MODULE = "experiments.train_triplet"
TINY = dict(preset="small", width=0.0625, embedding_size=8, batch_size=8, log_every_steps=2, checkpoint_every_steps=3)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_records.write(tmp_path_factory.mktemp("records") / "clips.tfrecord", tiny_records.make_clips())


def tiny_config(data, method="joint", **training):
    options = dict(batch_size=8, steps=4, log_every_steps=2, checkpoint_every_steps=2)
    return TripletConfig(
        data=DataConfig(data=data),
        sampling=SamplingConfig(method=method),
        model=ModelConfig(width=0.0625, stem_stride=2, embedding_size=8),
        training=TrainingConfig(**{**options, **training}),
    )


def weights(workdir):
    reader = tf.train.load_checkpoint(str(workdir / "checkpoints"))
    names = [name for name in reader.get_variable_to_shape_map() if name.startswith(("network", "optimizer"))]
    assert len(names) > 100
    return {name: reader.get_tensor(name) for name in names}


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """The work directory of a run of four steps."""
    workdir = tmp_path_factory.mktemp("run")
    triplet.train(tiny_config(data), str(workdir))
    return workdir


def test_a_run_leaves_its_record(data, finished):
    assert checkpoints.read_config(str(finished), TripletConfig) == tiny_config(data)
    lines = callbacks.read_metrics(str(finished))
    assert [line["step"] for line in lines] == [2, 4]
    assert all(np.isfinite(list(line.values())).all() for line in lines)
    record = json.loads((finished / "run.json").read_text())
    assert record["tensorflow"] == tf.__version__
    assert list((finished / "tensorboard").glob("events*"))
    network, _, _ = checkpoints.restore_network(str(finished))
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
        checkpoints.restore_network(str(tmp_path / "run"))


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
    tiny_records.write(tmp_path / "clips.tfrecord", tiny_records.make_clips(15))
    with pytest.raises(UserError, match="holds a run on other clips or records .bytes: .*files_digest: "):
        triplet.train(tiny_config(moved), str(finished))


def test_a_loss_that_is_no_number_stops_the_run_before_it_is_saved(tmp_path):
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(tf.keras.optimizers.SGD(0.0), "mse")
    values = np.array([[1.0], [2.0], [3.0], [np.nan], [1.0]], np.float32)
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(model=model), str(tmp_path / "checkpoints"), 5)
    recorder = callbacks.RunRecorder(str(tmp_path), manager, 0, 5, log_every_steps=1, checkpoint_every_steps=2)
    with pytest.raises(UserError, match=r"the loss is nan at step 4"):
        model.fit(values, values, batch_size=1, shuffle=False, callbacks=[recorder], verbose=0)
    assert manager.latest_checkpoint.endswith("ckpt-2")
    assert [line["step"] for line in callbacks.read_metrics(str(tmp_path))] == [1, 2, 3]


def test_a_gradient_that_is_no_number_stops_the_run_before_it_is_saved(tmp_path):
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(), str(tmp_path / "checkpoints"), 5)
    recorder = callbacks.RunRecorder(str(tmp_path), manager, 0, 1, log_every_steps=1, checkpoint_every_steps=1)
    with pytest.raises(UserError, match=r"the gradient norm is nan at step 1"):
        recorder.on_train_batch_end(0, {"loss": 1.0, "gradient_norm": float("nan")})
    assert manager.latest_checkpoint is None and callbacks.read_metrics(str(tmp_path)) == []


def test_a_checkpoint_that_cannot_be_written_is_one_clear_line(tmp_path):
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile(tf.keras.optimizers.SGD(0.0), "mse")
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(model=model), str(tmp_path / "checkpoints"), 5)
    recorder = callbacks.RunRecorder(str(tmp_path), manager, 0, 3, log_every_steps=1, checkpoint_every_steps=1)
    leftover = tmp_path / "checkpoints" / "ckpt-1_temp"
    leftover.mkdir(parents=True)
    manager.save = full_disk
    values = np.ones([3, 1], np.float32)
    with pytest.raises(UserError, match="checkpoint of step 1 cannot be written: a file; No space.*none"):
        model.fit(values, values, batch_size=1, callbacks=[recorder], verbose=0)
    assert not leftover.exists()


def full_disk(checkpoint_number):
    raise tf.errors.ResourceExhaustedError(None, None, "{{node save}} a file; No space left on device [Op:SaveV2]")


def test_a_line_of_metrics_is_the_mean_since_the_line_before(tmp_path):
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(tf.keras.optimizers.SGD(0.0), "mse")
    values = np.array([[1.0], [2.0], [3.0], [4.0], [5.0]], np.float32)
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(model=model), str(tmp_path / "checkpoints"), 5)
    recorder = callbacks.RunRecorder(str(tmp_path), manager, 0, 5, log_every_steps=2, checkpoint_every_steps=5)
    model.fit(values, values, batch_size=1, shuffle=False, callbacks=[recorder], verbose=0)
    losses = {line["step"]: line["loss"] for line in callbacks.read_metrics(str(tmp_path))}
    assert losses == {2: (1 + 4) / 2, 4: (9 + 16) / 2, 5: 25}  # the network answers 0: the loss is the square


def test_lines_behind_the_checkpoint_are_dropped_on_resume(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 2, "loss": 1}\n{"step": 4, "loss": 1}\n{"step": 6, "lo')
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(), str(tmp_path / "checkpoints"), 5)
    callbacks.RunRecorder(str(tmp_path), manager, 3, 9, log_every_steps=2, checkpoint_every_steps=3)
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 2, "loss": 1}\n'


def test_bad_data_is_refused_before_anything_is_written(data, tmp_path):
    one_window = tiny_records.write(
        tmp_path / "short.tfrecord", [tiny_records.make_clip(i, seconds=1) for i in range(3)]
    )
    empty = tiny_records.write(tmp_path / "empty.tfrecord", [])
    bad = {
        "clip of another fold": (TripletConfig(data=DataConfig(data=data, folds=(7,))), "--folds=7 holds no clip"),
        "no file": (tiny_config(str(tmp_path / "none*")), "no such file"),
        "no clip": (tiny_config(empty), "holds no clip"),
        "one window": (tiny_config(one_window, "proximity"), "--method=proximity can use"),
    }
    for settings, message in bad.values():
        with pytest.raises(UserError, match=message):
            triplet.train(settings, str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def batches(settings, count, first_step=0, clip_ids=None):
    for batch in inputs.triplet_batches(settings, clip_ids, first_step).take(count):
        yield tf.nest.map_structure(lambda tensor: tensor.numpy(), batch)


@pytest.mark.parametrize("method", ["joint", "noise", "translation", "mixing", "proximity", "labels"])
def test_every_method_reads_records(data, method):
    (batch,) = batches(tiny_config(data, method), 1)
    expected = range(4) if method == "joint" else [METHODS.index(method)]
    assert set(batch.method) == set(expected)
    assert np.isfinite(batch.anchor).all() and np.isfinite(batch.positive).all()
    assert (batch.weight == 1).all()


def test_clips_of_one_window_serve_all_methods_but_proximity(tmp_path):
    short = tiny_records.write(tmp_path / "short.tfrecord", [tiny_records.make_clip(i, seconds=0.5) for i in range(12)])
    mostly_proximity = dataclasses.replace(tiny_config(short), sampling=SamplingConfig(shares=(1, 1, 1, 2)))
    for settings in (tiny_config(short), mostly_proximity):
        (batch,) = batches(settings, 1)
        np.testing.assert_array_equal(batch.weight == 0, batch.method == METHODS.index("proximity"))


def test_the_input_is_the_same_for_a_seed_and_goes_on_where_it_was(data):
    settings = tiny_config(data, deterministic=True)
    whole, resumed = list(batches(settings, 4)), list(batches(settings, 2, first_step=2))
    for expected, batch in zip(whole[2:], resumed):
        for first, second in zip(expected, batch):
            np.testing.assert_array_equal(first, second)
    assert (whole[0].anchor != whole[1].anchor).any()


def test_the_input_has_static_shapes(data):
    spec = inputs.triplet_batches(tiny_config(data)).element_spec
    assert spec.anchor.shape == spec.positive.shape == [8, 96, 64]
    assert spec.weight.shape == [8]
    own = TripletConfig(data=DataConfig(data), loss=LossConfig(negatives="own"), training=TrainingConfig(batch_size=8))
    assert inputs.triplet_batches(own).element_spec.negative.shape == [8, 96, 64]


def test_the_model_never_sees_the_clips_of_other_folds(data):
    settings = TripletConfig(
        data=DataConfig(data=data, folds=(1,)), training=TrainingConfig(batch_size=8, deterministic=True)
    )
    made = [clip for clip in tiny_records.make_clips() if clip.fold == 1]
    expected = {int(tf.strings.to_hash_bucket_fast(clip.recording_id, tf.int64.max)) for clip in made}
    assert {int(i) for batch in batches(settings, 8) for i in batch.anchor_contents[:, 0]} == expected


def test_the_model_sees_the_named_clips_alone(data):
    settings = tiny_config(data, deterministic=True)
    expected = {int(tf.strings.to_hash_bucket_fast(f"recording{i}", tf.int64.max)) for i in (1, 6)}
    seen = batches(settings, 4, clip_ids=["clip6", "clip1"])
    assert {int(i) for batch in seen for i in batch.anchor_contents[:, 0]} == expected


@pytest.mark.slow
def test_a_damaged_record_is_named(data, tmp_path):
    damaged = tmp_path / "damaged.tfrecord"
    damaged.write_bytes(open(data, "rb").read()[:-1000])
    arguments = processes.flags(**TINY, data=damaged, workdir=tmp_path / "run", steps=30)
    line = processes.error_of(processes.run(MODULE, *arguments))
    assert f"{damaged}: record 15" in line and "truncated" in line


@pytest.mark.slow
def test_killed_and_resumed_ends_with_the_weights_of_a_run_left_alone(data, tmp_path):
    arguments = processes.flags(**TINY, data=data, steps=30, deterministic=True)
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    assert processes.run(MODULE, *arguments, f"--workdir={alone}").returncode == 0
    for round_number in range(2):
        process = processes.start(MODULE, *arguments, f"--workdir={killed}")
        wanted = killed / "checkpoints" / f"ckpt-{3 + 6 * round_number}.index"
        while not wanted.exists() and process.poll() is None:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert processes.run(MODULE, *arguments, f"--workdir={killed}").returncode == 0
    expected, found = weights(alone), weights(killed)
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(values, found[name], err_msg=name)
    steps = [line["step"] for line in callbacks.read_metrics(str(killed))]
    assert steps == list(range(2, 31, 2))


MIRRORED = """
import sys
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from audioset_triplet.errors import UserError
from audioset_triplet.training import triplet
from tests.training.test_runs import tiny_config

triplet.train(tiny_config(sys.argv[1], strategy="mirrored"), sys.argv[2])
try:
    triplet.train(tiny_config(sys.argv[1], strategy="mirrored", batch_size=5), sys.argv[2] + "-odd")
except UserError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_run_on_two_devices(data, tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", MIRRORED, data, str(tmp_path / "run")],
        cwd=processes.ROOT,
        env=processes.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "--batch_size=5 does not divide into 2 devices" in result.stdout
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["strategy"] == "MirroredStrategy" and len(record["devices"]) == 2
    lines = callbacks.read_metrics(str(tmp_path / "run"))
    assert [line["step"] for line in lines] == [2, 4]
    assert all(0 < line["active"] <= 1 and line["positive_distance"] <= 4 for line in lines)  # not summed over devices
    assert checkpoints.restore_network(str(tmp_path / "run"))[0].output_shape == (None, 8)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_on_two_workers(data, tmp_path):
    with socket.socket() as first, socket.socket() as second:
        first.bind(("localhost", 0))
        second.bind(("localhost", 0))
        workers = [f"localhost:{one.getsockname()[1]}" for one in (first, second)]
    arguments = processes.flags(**TINY, data=data, workdir=tmp_path / "run", steps=4, strategy="multi_worker")

    def run_both():
        running = []
        for index in range(2):
            cluster = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
            environment = {**processes.environment(), "TF_CONFIG": json.dumps(cluster)}
            command = processes.command(MODULE, *arguments)
            running.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
        try:
            for process in running:
                _, errors = process.communicate(timeout=240)
                assert process.returncode == 0, errors
        finally:
            for process in running:
                process.kill()

    run_both()
    # As if both had been killed between steps 3 and 4: both go on from step 3, or one would wait for the other.
    checkpoint_folder = tmp_path / "run" / "checkpoints"
    for path in checkpoint_folder.glob("ckpt-4.*"):
        path.unlink()
    (checkpoint_folder / "checkpoint").write_text('model_checkpoint_path: "ckpt-3"\n')
    run_both()
    assert (checkpoint_folder / "ckpt-4.index").exists()
    lines = callbacks.read_metrics(str(tmp_path / "run"))
    assert [line["step"] for line in lines] == [2, 4] and all(line["active"] <= 1 for line in lines)
    assert checkpoints.restore_network(str(tmp_path / "run"))[0].output_shape == (None, 8)


def test_settings_differ_by_name():
    first = TripletConfig()
    second = TripletConfig(training=TrainingConfig(steps=7))
    assert config.differences(first, first) == []
    assert config.differences(first, second) == ["steps: 100000, now 7"]
