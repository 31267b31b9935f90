import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.training import moving_average


def build():
    tf.keras.utils.set_random_seed(0)
    return tf.keras.Sequential([tf.keras.layers.Dense(3, input_shape=[4]), tf.keras.layers.BatchNormalization()])


class Recorded(tf.keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.weights = []

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append(self.model.get_weights())


def trained(training):
    """The weights before ten steps and after each, and the averages after the last."""
    network = build()
    averages = moving_average.copies({"network": network})
    start = network.get_weights()
    follower = moving_average.MovingAverage(
        {"network": network}, averages, moving_average.decay(training), first_step=0
    )
    recorded = Recorded()
    network.compile(tf.keras.optimizers.SGD(0.5), "mse")
    random = np.random.default_rng(0)
    network.fit(random.normal(size=[80, 4]), random.normal(size=[80, 3]), 8, callbacks=[follower, recorded], verbose=0)
    assert len(recorded.weights) == 10 and len(start) == 6
    return start, recorded.weights, averages["network"].get_weights()


def assert_close(averages, expected, last):
    for average, value in zip(averages, expected):
        np.testing.assert_allclose(average, value, rtol=1e-5, atol=1e-7)
    assert np.abs(averages[0] - last[0]).max() > 1e-4


def test_averages_follow_the_weights():
    expected, weights_of_steps, averages = trained(TrainingConfig(moving_average=0.7, steps=10))
    for step, weights in enumerate(weights_of_steps, start=1):
        decay = min(0.7, (1 + step) / (10 + step))
        expected = [decay * average + (1 - decay) * weight for average, weight in zip(expected, weights)]
    assert_close(averages, expected, weights_of_steps[-1])


def test_an_average_of_the_last_part_weighs_its_steps_alike():
    _, weights_of_steps, averages = trained(TrainingConfig(average_from=0.65, steps=10))
    assert_close(averages, [np.mean(values, axis=0) for values in zip(*weights_of_steps[6:])], weights_of_steps[-1])
    decay = moving_average.decay(TrainingConfig(average_from=0.65, steps=10))
    assert [decay(step) for step in (1, 6, 7)] == [0, 0, 0]  # until then it is the weights
    with pytest.raises(UserError, match="two averages of the weights"):
        TrainingConfig(average_from=0.5, moving_average=0.9)
