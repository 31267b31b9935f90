"""Training as a person runs it: real records, real processes."""

import json
import os
import signal
import time

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet import config
from audioset_triplet.config import DataConfig, LossConfig, ModelConfig, SamplingConfig, TrainingConfig, TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.models import checkpoints
from audioset_triplet.training import callbacks, inputs, runs
from tests import programs, tiny_records

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


@pytest.mark.parametrize("method", ["joint", "labels", "proximity"])
def test_a_run_leaves_its_record(data, tmp_path, method):
    runs.train(tiny_config(data, method), str(tmp_path))
    assert checkpoints.read_config(str(tmp_path)) == tiny_config(data, method)
    lines = callbacks.read_metrics(str(tmp_path))
    assert [line["step"] for line in lines] == [2, 4]
    assert all(np.isfinite(list(line.values())).all() for line in lines)
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["tensorflow"] == tf.__version__
    assert list((tmp_path / "tensorboard").glob("events*"))
    network, _, _ = checkpoints.restore_network(str(tmp_path))
    assert network.output_shape == (None, 8)


def test_the_same_command_again_changes_nothing(data, tmp_path):
    runs.train(tiny_config(data), str(tmp_path))
    before = weights(tmp_path)
    runs.train(tiny_config(data), str(tmp_path))
    for name, values in weights(tmp_path).items():
        np.testing.assert_array_equal(values, before[name])
    assert [line["step"] for line in callbacks.read_metrics(str(tmp_path))] == [2, 4]


def test_other_settings_in_a_work_directory_are_refused(data, tmp_path):
    runs.train(tiny_config(data), str(tmp_path))
    with pytest.raises(UserError, match="learning_rate: 0.0001, now 0.5"):
        runs.train(tiny_config(data, learning_rate=0.5), str(tmp_path))


def test_a_loss_that_is_no_number_stops_the_run(data, tmp_path):
    with pytest.raises(UserError, match=r"the loss is (nan|inf) at step \d+"):
        runs.train(tiny_config(data, learning_rate=1e38, steps=20), str(tmp_path))
    for values in weights(tmp_path).values() if (tmp_path / "checkpoints").exists() else ():
        assert np.isfinite(values).all()


def test_bad_data_is_refused_before_anything_is_written(data, tmp_path):
    one_window = tiny_records.write(tmp_path / "short.tfrecord", [tiny_records.make_clip(i, seconds=1) for i in range(3)])
    empty = tiny_records.write(tmp_path / "empty.tfrecord", [])
    bad = {
        "clip of another fold": (TripletConfig(data=DataConfig(data=data, folds=(7,))), "--folds=7 holds no clip"),
        "no file": (tiny_config(str(tmp_path / "none*")), "no such file"),
        "no clip": (tiny_config(empty), "holds no clip"),
        "one window": (tiny_config(one_window, "proximity"), "--method=proximity can use"),
    }
    for settings, message in bad.values():
        with pytest.raises(UserError, match=message):
            runs.train(settings, str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_clips_of_one_window_train_jointly(tmp_path):
    short = tiny_records.write(tmp_path / "short.tfrecord", [tiny_records.make_clip(i, seconds=0.5) for i in range(12)])
    runs.train(tiny_config(short), str(tmp_path / "run"))
    assert np.isfinite(callbacks.read_metrics(str(tmp_path / "run"))[-1]["loss"])


def test_the_input_is_the_same_for_a_seed_and_goes_on_where_it_was(data):
    settings = tiny_config(data, deterministic=True)
    whole = list(inputs.triplet_batches(settings).take(4).as_numpy_iterator())
    resumed = list(inputs.triplet_batches(settings, first_step=2).take(2).as_numpy_iterator())
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
    seen = {int(i) for b in inputs.triplet_batches(settings).take(8).as_numpy_iterator() for i in b.anchor_contents[:, 0]}
    assert seen == expected


def test_a_damaged_record_is_named(data, tmp_path):
    damaged = tmp_path / "damaged.tfrecord"
    damaged.write_bytes(open(data, "rb").read()[:-1000])
    line = programs.fail(MODULE, data=damaged, workdir=tmp_path / "run", steps=30, **TINY)
    assert f"{damaged}: record 15" in line and "truncated" in line


@pytest.mark.slow
def test_killed_and_resumed_ends_with_the_weights_of_a_run_left_alone(data, tmp_path):
    options = dict(TINY, data=data, steps=14, deterministic=True)
    programs.succeed(MODULE, workdir=tmp_path / "alone", **options)
    for round_number in range(2):
        process = programs.start(MODULE, workdir=tmp_path / "killed", **options)
        wanted = tmp_path / "killed" / "checkpoints" / f"ckpt-{3 + 6 * round_number}.index"
        while not wanted.exists() and process.poll() is None:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    programs.succeed(MODULE, workdir=tmp_path / "killed", **options)
    alone, killed = weights(tmp_path / "alone"), weights(tmp_path / "killed")
    assert alone.keys() == killed.keys()
    for name, values in alone.items():
        np.testing.assert_array_equal(values, killed[name], err_msg=name)
    steps = [line["step"] for line in callbacks.read_metrics(str(tmp_path / "killed"))]
    assert steps == [2, 4, 6, 8, 10, 12, 14]


def test_settings_differ_by_name():
    first = TripletConfig()
    second = TripletConfig(training=TrainingConfig(steps=7))
    assert config.differences(first, first) == []
    assert config.differences(first, second) == ["steps: 100000, now 7"]
