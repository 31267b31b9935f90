import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.errors import UserError
from audioset_triplet.training import callbacks


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
