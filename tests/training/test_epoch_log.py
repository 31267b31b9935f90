import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.runs import metrics_log
from audioset_triplet.training.callbacks import Steps
from audioset_triplet.training.epoch_log import EpochLog, Epochs


def run(folder, num_steps, num_examples, every_epochs=1, batch_size=4, first=0, last=None):
    """Steps of batches of 4 after the first ones; the lines that are then there, as (epoch, step)."""
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=[1])])
    model.compile("sgd", "mse", run_eagerly=True)
    model.state = {"bank": "its state"}
    epochs = Epochs(lambda networks, state: {"seen": networks["a"] + len(state)}, every_epochs).of(num_examples)
    log = EpochLog(epochs, str(folder), batch_size, Steps(first, last or first + num_steps), {"a": 10})
    model.fit(np.zeros([num_steps, 1]), np.zeros(num_steps), batch_size=1, callbacks=[log], verbose=0)
    lines = metrics_log.read(str(folder), metrics_log.EPOCHS)
    assert all(line["seen"] == 11 for line in lines)
    return [(line["epoch"], line["step"]) for line in lines]


@pytest.mark.parametrize(
    "num_examples, every_epochs, expected",
    [
        (8, 1, [(1, 2), (2, 4), (3, 6)]),
        (8, 2, [(2, 4), (3.0, 6)]),
        (10, 1, [(1, 3), (2, 5), (2.4, 6)]),  # epochs end after 10 and 20 examples, within steps 3 and 5
        (3, 1, [(1, 1), (2, 2), (4, 3), (5, 4), (6, 5), (8, 6)]),  # several in a step
        (100, 1, [(0.24, 6)]),
    ],
)
def test_an_epoch_is_over_with_the_step_that_has_its_last_example(tmp_path, num_examples, every_epochs, expected):
    assert run(tmp_path, 6, num_examples, every_epochs) == expected


def test_a_resumed_run_has_each_epoch_once(tmp_path):
    assert run(tmp_path, 5, 8, last=8) == [(1, 2), (2, 4)]
    assert run(tmp_path, 5, 8, first=3) == [(1, 2), (2, 4), (3, 6), (4, 8)]  # step 4 came after the checkpoint
