"""Learning rates, decay and clipping by hand, and optimizers that go on where they were."""

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet import compat
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.config.triplet import LossConfig
from audioset_triplet.errors import UserError
from audioset_triplet.training import optimizers
from audioset_triplet.training.triplet import TripletModel
from tests.tiny_network import build_tiny_network
from tests.training.test_triplet import batch_of


def rates(num_steps=8, **options):
    rate = optimizers.LearningRate(TrainingConfig(steps=num_steps, learning_rate=2.0, **options))
    return [float(rate(tf.constant(step, tf.int64))) for step in range(num_steps)]


def test_rates_by_hand():
    assert rates(4) == [2, 2, 2, 2]
    assert rates(5, warmup_steps=3) == pytest.approx([0.5, 1, 1.5, 2, 2])
    assert rates(8, schedule="step") == pytest.approx([2, 2, 2, 2, 0.2, 0.2, 0.02, 0.02])
    assert rates(5, schedule="step", warmup_steps=1) == pytest.approx([1, 2, 2, 0.2, 0.02])
    assert rates(5, schedule="step", drops=(0.6, 0.8)) == pytest.approx([2, 2, 2, 0.2, 0.02])
    assert rates(4, schedule="cosine") == pytest.approx([2, 1 + np.sqrt(0.5), 1, 1 - np.sqrt(0.5)])
    of_exponential = rates(5, schedule="exponential", final_share=1 / 16, warmup_steps=1)
    assert of_exponential == pytest.approx([1, 2, 1, 0.5, 0.25])


def test_cosine_is_that_of_keras():
    theirs = tf.keras.optimizers.schedules.CosineDecay(2.0, 100)
    assert rates(100, schedule="cosine") == pytest.approx([float(theirs(step)) for step in range(100)], abs=1e-6)


def stepped(optimizer, gradient):
    """The kernel and bias of a layer, all ones, after one step."""
    layer = tf.keras.layers.Dense(3, kernel_initializer="ones", bias_initializer="ones")
    layer.build([None, 4])
    optimizer.apply_gradients([(tf.fill(variable.shape, gradient), variable) for variable in layer.trainable_variables])
    return [np.unique(variable.numpy().astype(float).round(6)).tolist() for variable in layer.trainable_variables]


@pytest.mark.parametrize(
    "options, gradient, expected",
    [
        (dict(optimizer="sgd"), 1.0, [[0.9], [0.9]]),
        # A tenth of the rate of 0.1 is taken off the kernel, nothing off the bias.
        (dict(optimizer="sgd", weight_decay=0.1), 0.0, [[0.99], [1.0]]),
        (dict(optimizer="adam", weight_decay=0.1), 0.0, [[0.99], [1.0]]),
        # LAMB: the step of the kernel is as long as the kernel, times the rate.
        (dict(optimizer="lamb", weight_decay=0.1), 0.0, [[0.9], [1.0]]),
    ],
)
def test_a_step_by_hand(options, gradient, expected):
    built = optimizers.build(TrainingConfig(learning_rate=0.1, **options))
    assert stepped(built, gradient) == expected
    assert optimizers.learning_rate(built) == pytest.approx(0.1)


def test_momentum():
    built = optimizers.build(TrainingConfig(optimizer="sgd", momentum=0.5, learning_rate=0.1))
    weight = tf.Variable([1.0])
    for _ in range(2):
        built.apply_gradients([(tf.constant([1.0]), weight)])
    assert float(weight[0]) == pytest.approx(1 - 0.1 - 0.1 * 1.5)


def test_adam_is_that_of_keras():
    config = TrainingConfig(learning_rate=0.1, weight_decay=0.01, schedule="cosine", steps=20)
    theirs = tf.keras.optimizers.Adam(optimizers.LearningRate(config), weight_decay=config.weight_decay)
    gradients = np.random.default_rng(0).normal(size=[20, 7, 5]).astype(np.float32)
    weights = []
    for optimizer in (theirs, optimizers.build(config)):
        weight = tf.Variable(tf.ones([7, 5]))
        for gradient in gradients:
            optimizer.apply_gradients([(tf.constant(gradient), weight)])
        weights.append(weight.numpy())
    assert np.abs(weights[0] - 1).mean() > 0.1
    # 1 - beta_2 is 0.001 to 5 digits in float32, and of all digits where Keras computes it.
    np.testing.assert_allclose(weights[1], weights[0], atol=2e-5)


LAMB = TrainingConfig(optimizer="lamb", learning_rate=0.1, weight_decay=0.01, schedule="cosine", steps=20)


def lamb_of_addons():
    addons = compat.tensorflow_addons()
    if addons is None:
        pytest.skip("tensorflow-addons is not in this lane; test_a_step_of_lamb_by_hand has no need of it")
    rate = optimizers.LearningRate(LAMB)
    return addons.optimizers.LAMB(rate, weight_decay=0.01, exclude_from_weight_decay=["bias", "gamma", "beta"])


def weights_of_lamb():
    """A kernel, a bias, and a kernel of zeros, whose length is no measure of a step."""
    start = {"kernel": tf.ones([7, 5]), "bias": tf.ones([5]), "zero_kernel": tf.zeros([3])}
    return [tf.Variable(value, name=name) for name, value in start.items()]


def take_steps(optimizer, weights, steps):
    """The same gradients in the same step, through a graph; then all that a step leaves: weights and slots."""

    @tf.function
    def step(*gradients):
        optimizer.apply_gradients(zip(gradients, weights))

    for number in steps:
        draw = np.random.default_rng(number).normal
        step(*(tf.constant(draw(size=weight.shape), tf.float32) for weight in weights))
    slots = [optimizer.get_slot(weight, slot) for slot in ("m", "v") for weight in weights]
    return [value.numpy() for value in [*weights, *slots]]


def test_lamb_is_that_of_tensorflow_addons_bit_for_bit():
    theirs = take_steps(lamb_of_addons(), weights_of_lamb(), range(20))
    ours = take_steps(optimizers.build(LAMB), weights_of_lamb(), range(20))
    assert np.abs(theirs[0] - 1).mean() > 0.1
    for one, other in zip(theirs, ours):
        np.testing.assert_array_equal(one, other)


def test_lamb_goes_on_from_a_checkpoint_of_tensorflow_addons(tmp_path):
    theirs, weights = lamb_of_addons(), weights_of_lamb()
    take_steps(theirs, weights, range(10))
    path = tf.train.Checkpoint(optimizer=theirs, weights=weights).save(str(tmp_path / "saved"))
    ours, restored = optimizers.build(LAMB), weights_of_lamb()
    tf.train.Checkpoint(optimizer=ours, weights=restored).restore(path).assert_existing_objects_matched()
    expected = take_steps(theirs, weights, range(10, 20))
    for one, other in zip(expected, take_steps(ours, restored, range(10, 20))):
        np.testing.assert_array_equal(one, other)


def test_a_step_of_lamb_by_hand():
    """The second step, in float64, of a kernel and of a bias."""
    weights, gradients = [np.array([3.0, -4.0]), np.array([3.0, -4.0])], [np.array([1.0, 2.0]), np.array([-0.5, 0.25])]
    variables = [tf.Variable(weight, dtype=tf.float32, name=name) for weight, name in zip(weights, ("kernel", "bias"))]
    optimizer = optimizers.build(TrainingConfig(optimizer="lamb", learning_rate=0.1, weight_decay=0.2))
    means, squares = np.zeros(2), np.zeros(2)
    for number, gradient in enumerate(gradients, start=1):
        optimizer.apply_gradients([(tf.constant(gradient, tf.float32), variable) for variable in variables])
        means, squares = 0.9 * means + 0.1 * gradient, 0.999 * squares + 0.001 * gradient**2
        update = means / (1 - 0.9**number) / (np.sqrt(squares / (1 - 0.999**number)) + 1e-6)
        decayed = update + 0.2 * weights[0]
        weights[0] = weights[0] - 0.1 * decayed * np.linalg.norm(weights[0]) / np.linalg.norm(decayed)
        weights[1] = weights[1] - 0.1 * update
    for variable, weight in zip(variables, weights):
        np.testing.assert_allclose(variable.numpy(), weight, rtol=1e-5)


@pytest.mark.parametrize("clip_norm", [0.01, 1e6])
def test_gradients_are_clipped_by_their_norm_over_all_weights(clip_norm):
    network = build_tiny_network()
    model = TripletModel(network, LossConfig(margin=0.5))
    model.compile(tf.keras.optimizers.SGD(1.0), clip_norm, run_eagerly=True)
    before = network.get_weights()
    reported = float(model.train_step(batch_of())["gradient_norm"])
    length = np.sqrt(sum(((old - new) ** 2).sum() for old, new in zip(before, network.get_weights())))
    assert reported > 0.01 and length == pytest.approx(min(clip_norm, reported), rel=1e-3)


@pytest.mark.parametrize("name", ["adam", "sgd", "lamb"])
def test_an_optimizer_that_is_restored_goes_on_as_if_nothing_had_been(name, tmp_path):
    config = TrainingConfig(optimizer=name, learning_rate=0.01, weight_decay=0.01, schedule="cosine", steps=8)

    def start():
        network, optimizer = build_tiny_network(), optimizers.build(config)
        model = TripletModel(network, LossConfig(margin=0.5))
        model.compile(optimizer, run_eagerly=True)  # a few steps: tracing takes longer
        return model, network, tf.train.Checkpoint(network=network, optimizer=optimizer)

    def fit(model, steps):
        for step in steps:
            model.fit(tf.data.Dataset.from_tensors(batch_of(seed=step)), verbose=0)

    model, network, checkpoint = start()
    fit(model, range(2))
    path = checkpoint.write(str(tmp_path / "saved"))
    fit(model, range(2, 5))
    other, restored, its_checkpoint = start()
    its_checkpoint.restore(path)
    fit(other, range(2, 5))
    for one, two in zip(network.get_weights(), restored.get_weights()):
        np.testing.assert_allclose(one, two, atol=1e-7)
    assert optimizers.learning_rate(model.optimizer) == optimizers.learning_rate(other.optimizer) < 0.01


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(optimizer="newton"), "--optimizer must be one of adam, sgd, lamb, not 'newton'"),
        (dict(steps=10, warmup_steps=10), "--warmup_steps must be fewer than --steps=10, not 10"),
        (dict(momentum=1.0), "--momentum must be at least 0 and below 1"),
        (dict(weight_decay=-1.0), "--weight_decay must be at least 0, not -1.0"),
        (dict(clip_norm=float("nan")), "--clip_norm must be at least 0"),
    ],
)
def test_settings_that_make_no_sense(options, message):
    with pytest.raises(UserError, match=message):
        TrainingConfig(**options)
