"""The progress bars of both lanes, on a terminal and elsewhere."""

import tensorflow as tf

from audioset_triplet.training import progress


def fitted(bars):
    """Trains for four steps, whose losses are 1, 2, 3 and 4."""
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile("sgd", "mse", run_eagerly=True)
    batches = tf.data.Dataset.from_tensor_slices((tf.zeros([4, 1, 1]), tf.sqrt(tf.range(1.0, 5.0))[:, None, None]))
    model.fit(batches, callbacks=bars, verbose=0)


def test_no_bar_where_nobody_looks():
    assert progress.progress_bars() == []


def test_the_bar_has_steps_and_metrics(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    (bar,) = progress.progress_bars()
    fitted([bar])
    said = capsys.readouterr().err
    assert "4/4" in said and "loss" in said


def test_ours_has_the_means_of_the_metrics(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    fitted([progress.ProgressBar()])
    last = capsys.readouterr().err.rstrip().split("\r")[-1]
    assert "4/4" in last and "loss=1.7500" in last  # Keras gives the mean of the steps so far: 1, 1.5, 2, 2.5
