import os
import signal
import threading

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.errors import Terminated, UserError
from audioset_triplet.runs import metrics_log
from audioset_triplet.training import callbacks


def recorder_of(folder, manager, first_step, last_step, log, save, stop=None):
    return callbacks.RunRecorder(str(folder), manager, first_step, last_step, log, save, stop or threading.Event())


def test_a_loss_that_is_no_number_stops_the_run_before_it_is_saved(tmp_path):
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(tf.keras.optimizers.SGD(0.0), "mse")
    values = np.array([[1.0], [2.0], [3.0], [np.nan], [1.0]], np.float32)
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(model=model), str(tmp_path / "checkpoints"), 5)
    recorder = recorder_of(tmp_path, manager, 0, 5, log=1, save=2)
    with pytest.raises(UserError, match=r"the loss is nan at step 4"):
        model.fit(values, values, batch_size=1, shuffle=False, callbacks=[recorder], verbose=0)
    assert manager.latest_checkpoint.endswith("ckpt-2")
    assert [line["step"] for line in metrics_log.read(str(tmp_path))] == [1, 2, 3]


def test_a_gradient_that_is_no_number_stops_the_run_before_it_is_saved(tmp_path):
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(), str(tmp_path / "checkpoints"), 5)
    recorder = recorder_of(tmp_path, manager, 0, 1, log=1, save=1)
    recorder.set_model(tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=[1], kernel_initializer="ones")]))
    with pytest.raises(UserError, match=r"the gradient norm is nan at step 1.* gradients nan, of the weights 1\."):
        recorder.on_train_batch_end(0, {"loss": 1.0, "gradient_norm": float("nan")})
    assert manager.latest_checkpoint is None and metrics_log.read(str(tmp_path)) == []


def test_a_checkpoint_that_cannot_be_written_is_one_clear_line(tmp_path):
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile(tf.keras.optimizers.SGD(0.0), "mse")
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(model=model), str(tmp_path / "checkpoints"), 5)
    recorder = recorder_of(tmp_path, manager, 0, 3, log=1, save=1)
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
    recorder = recorder_of(tmp_path, manager, 0, 5, log=2, save=5)
    model.fit(values, values, batch_size=1, shuffle=False, callbacks=[recorder], verbose=0)
    losses = {line["step"]: line["loss"] for line in metrics_log.read(str(tmp_path))}
    assert losses == {2: (1 + 4) / 2, 4: (9 + 16) / 2, 5: 25}  # the network answers 0: the loss is the square


def test_lines_behind_the_checkpoint_are_dropped_on_resume(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 2, "loss": 1}\n{"step": 4, "loss": 1}\n{"step": 6, "lo')
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(), str(tmp_path / "checkpoints"), 5)
    recorder_of(tmp_path, manager, 3, 9, log=2, save=3)
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 2, "loss": 1}\n'


def test_sigterm_ends_the_run_when_the_step_under_way_is_saved(tmp_path):
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(tf.keras.optimizers.SGD(0.0), "mse")
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(model=model), str(tmp_path / "checkpoints"), 5)

    def on_begin(batch, logs=None):
        if batch == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    asked = tf.keras.callbacks.LambdaCallback(on_batch_begin=on_begin)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(
        Terminated, match="after step 3 of 9, which is saved in .*checkpoints: the same command goes on"
    ):
        with callbacks.sigterm_noted() as stop:
            recorder = recorder_of(tmp_path, manager, 0, 9, log=1, save=100, stop=stop)
            model.fit(np.ones([9, 1]), np.ones([9, 1]), batch_size=1, callbacks=[asked, recorder], verbose=0)
    assert manager.latest_checkpoint.endswith("ckpt-3")
    assert [line["step"] for line in metrics_log.read(str(tmp_path))] == [1, 2, 3]
    assert signal.getsignal(signal.SIGTERM) == before
