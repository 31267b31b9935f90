import numpy as np
import tensorflow as tf

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


def test_averages_follow_the_weights():
    network = build()
    averages = moving_average.copies({"network": network})
    start = network.get_weights()
    follower = moving_average.MovingAverage({"network": network}, averages, 0.7, first_step=0)
    recorded = Recorded()
    network.compile(tf.keras.optimizers.SGD(0.5), "mse")
    random = np.random.default_rng(0)
    network.fit(random.normal(size=[80, 4]), random.normal(size=[80, 3]), 8, callbacks=[follower, recorded], verbose=0)

    expected = start
    for step, weights in enumerate(recorded.weights, start=1):
        decay = min(0.7, (1 + step) / (10 + step))
        expected = [decay * average + (1 - decay) * weight for average, weight in zip(expected, weights)]
    assert len(recorded.weights) == 10 and len(expected) == 6
    for average, value in zip(averages["network"].get_weights(), expected):
        np.testing.assert_allclose(average, value, rtol=1e-5, atol=1e-7)
    assert np.abs(averages["network"].get_weights()[0] - network.get_weights()[0]).max() > 1e-4
