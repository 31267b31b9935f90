"""What happens between the steps: each callback on a network of one weight."""

import os
import signal
import threading

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.errors import Terminated, UserError
from audioset_triplet.runs import metrics_log
from audioset_triplet.training import callbacks


def build_model(initializer="ones"):
    model = tf.keras.Sequential(
        [tf.keras.layers.Dense(1, input_shape=[1], use_bias=False, kernel_initializer=initializer)]
    )
    model.compile(tf.keras.optimizers.SGD(0.0), "mse", run_eagerly=True)
    return model


def manager_of(folder, **saved):
    return tf.train.CheckpointManager(tf.train.Checkpoint(**saved), str(folder / "checkpoints"), 5)


def fit(model, values, *used):
    values = np.array(values, np.float32)[:, np.newaxis]
    model.fit(values, values, batch_size=1, shuffle=False, callbacks=list(used), verbose=0)


def metrics(folder):
    return {line["step"]: line["loss"] for line in metrics_log.read(str(folder))}


def test_a_loss_that_is_not_finite_stops_the_run_before_it_is_saved(tmp_path):
    model, steps = build_model(), callbacks.Steps(0, 5)
    manager = manager_of(tmp_path, model=model)
    with pytest.raises(UserError, match=r"the loss is nan at step 4, in a batch of the examples\. Norms: .*ckpt-2"):
        fit(
            model,
            [1.0, 2.0, 3.0, np.nan, 1.0],
            callbacks.NonFiniteCheck(steps, manager, lambda: "the examples"),
            callbacks.MetricsWriter(str(tmp_path), steps, 1),
            callbacks.CheckpointSaver(manager, steps, 2, threading.Event()),
        )
    assert manager.latest_checkpoint.endswith("ckpt-2")
    assert list(metrics(tmp_path)) == [1, 2, 3]


def test_a_gradient_that_is_not_finite_stops_the_run(tmp_path):
    check = callbacks.NonFiniteCheck(callbacks.Steps(0, 1), manager_of(tmp_path))
    check.set_model(build_model())
    with pytest.raises(UserError, match=r"the gradient norm is nan at step 1\. .* gradients nan, of the weights 1\."):
        check.on_train_batch_end(0, {"loss": 1.0, "gradient_norm": float("nan")})


def test_a_checkpoint_that_cannot_be_written_is_one_clear_line(tmp_path):
    model = build_model()
    manager = manager_of(tmp_path, model=model)
    leftover = tmp_path / "checkpoints" / "ckpt-1_temp"
    leftover.mkdir(parents=True)
    manager.save = full_disk
    saver = callbacks.CheckpointSaver(manager, callbacks.Steps(0, 3), 1, threading.Event())
    with pytest.raises(UserError, match="checkpoint of step 1 cannot be written: a file; No space.*none"):
        fit(model, [1.0, 1.0, 1.0], saver)
    assert not leftover.exists()


def full_disk(checkpoint_number):
    raise tf.errors.ResourceExhaustedError(None, None, "{{node save}} a file; No space left on device [Op:SaveV2]")


def test_a_line_of_metrics_is_the_mean_since_the_line_before(tmp_path):
    model = build_model("zeros")
    fit(model, [1.0, 2.0, 3.0, 4.0, 5.0], callbacks.MetricsWriter(str(tmp_path), callbacks.Steps(0, 5), 2))
    expected = {2: (1 + 4) / 2, 4: (9 + 16) / 2, 5: 25}  # the network answers 0: the loss is the square
    assert metrics(tmp_path) == expected


def test_a_resumed_run_counts_on_and_drops_the_lines_after_its_checkpoint(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 2, "loss": 1}\n{"step": 4, "loss": 1}\n{"step": 6, "lo')
    steps, model = callbacks.Steps(3, 7), build_model()
    writer = callbacks.MetricsWriter(str(tmp_path), steps, 2)
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 2, "loss": 1}\n'
    manager = manager_of(tmp_path, model=model)
    fit(model, [1.0] * 4, writer, callbacks.CheckpointSaver(manager, steps, 3, threading.Event()))
    assert list(metrics(tmp_path)) == [2, 4, 6, 7]
    assert [path.rpartition("-")[2] for path in manager.checkpoints] == ["6", "7"]


def test_a_warning_is_printed_when_it_begins_and_when_it_returns(capsys):
    steps = callbacks.Steps(0, 9)
    printer = callbacks.WarningPrinter(
        steps, 1, lambda means: "it is high" if means["loss"] > 1 else "", warmup_steps=2
    )
    for batch, loss in enumerate([2, 2, 2, 2, 0, 2, 2]):
        printer.on_train_batch_end(batch, {"loss": loss})
    assert capsys.readouterr().err.splitlines() == ["step 3: it is high", "step 6: it is high"]


def test_sigterm_ends_the_run_when_the_step_under_way_is_saved(tmp_path):
    model, steps = build_model(), callbacks.Steps(0, 9)
    manager = manager_of(tmp_path, model=model)

    def on_begin(batch, logs=None):
        if batch == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    killer = tf.keras.callbacks.LambdaCallback(on_batch_begin=on_begin)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(
        Terminated, match="after step 3 of 9, which is saved in .*checkpoints: the same command goes on"
    ):
        with callbacks.sigterm_noted() as stop:
            writer = callbacks.MetricsWriter(str(tmp_path), steps, 1)
            fit(model, np.ones(9), killer, writer, callbacks.CheckpointSaver(manager, steps, 100, stop))
    assert manager.latest_checkpoint.endswith("ckpt-3")
    assert list(metrics(tmp_path)) == [1, 2, 3]
    assert signal.getsignal(signal.SIGTERM) == before
