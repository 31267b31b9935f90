import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.classifier import LOSSES
from audioset_triplet.models import networks
from audioset_triplet.presets import CLASSIFIER_PRESETS
from audioset_triplet.sampling import draws
from audioset_triplet.training import optimizers
from audioset_triplet.training.classifier import ClassifierModel
from audioset_triplet.training.inputs import LabelledBatch


def build_linear(num_classes=3):
    """Log-mel windows [B, 96, 64] -> logits [B, C], linear in the windows; the same weights every time."""
    inputs_ = tf.keras.Input([96, 64])
    kernel = tf.keras.initializers.RandomNormal(stddev=0.01, seed=0)
    logits = tf.keras.layers.Dense(num_classes, use_bias=False, kernel_initializer=kernel, name="logits")(
        tf.keras.layers.Flatten()(inputs_)
    )
    return tf.keras.Model(inputs_, logits, name="linear")


def batch_of(num_windows=8, num_classes=3, loss="softmax", seed=0, shape=(96, 64)):
    random = np.random.default_rng(seed)
    targets = np.eye(num_classes)[random.integers(0, num_classes, num_windows)]
    if loss == "sigmoid":
        targets = np.maximum(targets, random.integers(0, 2, targets.shape))
    return LabelledBatch(
        windows=tf.constant(random.normal(size=[num_windows, *shape]), tf.float32),
        targets=tf.constant(targets, tf.float32),
        example_id=tf.zeros([num_windows], tf.int64),
    )


def compiled(network, loss="softmax", rate=0.1):
    model = ClassifierModel(network, loss)
    model.compile(tf.keras.optimizers.SGD(rate), run_eagerly=True)
    return model


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_is_that_of_logistic_regression(name):
    network, batch = build_linear(), batch_of(loss=name)
    (before,) = network.get_weights()
    logs = compiled(network, name).train_step(batch)

    windows, targets = batch.windows.numpy().reshape(8, -1).astype(np.float64), batch.targets.numpy()
    logits = windows @ before
    if name == "softmax":
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        loss = -np.log((probabilities * targets).sum(axis=1)).mean()
        gradient = windows.T @ (probabilities - targets) / 8
    else:
        probabilities = 1 / (1 + np.exp(-logits))
        loss = -np.log(np.where(targets > 0, probabilities, 1 - probabilities)).mean()
        gradient = windows.T @ (probabilities - targets) / (8 * 3)
    assert float(logs["loss"]) == pytest.approx(loss, rel=1e-5)
    assert float(logs["gradient_norm"]) == pytest.approx(np.linalg.norm(gradient), rel=1e-4)
    assert float(logs["accuracy"]) == targets[np.arange(8), logits.argmax(axis=1)].mean()
    np.testing.assert_allclose(network.get_weights()[0], before - 0.1 * gradient, atol=1e-6)


def test_weights_of_positives_begin_at_a_step():
    batch, losses = batch_of(), {}
    for weights, first in ((1.0, 0), ((0.5, 1.0, 4.0), 0), ((0.5, 1.0, 4.0), 3)):
        model = ClassifierModel(build_linear(), "sigmoid", weights, first_weighted_step=first)
        model.compile(tf.keras.optimizers.SGD(0.0), run_eagerly=True)
        for _ in range(5):
            model.reset_metrics()
            losses.setdefault((weights, first), []).append(float(model.train_step(batch)["loss"]))
    plain, weighted, deferred = losses.values()
    assert weighted[0] != pytest.approx(plain[0], rel=0.01)
    assert deferred == plain[:3] + weighted[3:]


def test_dropout_leaves_out_features_by_seed_and_step():
    network, batch = build_linear(), batch_of()
    windows = batch.windows.numpy().reshape(8, -1)
    [kernel] = network.get_weights()
    draws_of = {}
    for seed, step in ((0, 0), (0, 1), (1, 0), (0, 0)):
        model = ClassifierModel(network, "softmax", dropout_rate=0.25, seed=seed)
        model.compile(tf.keras.optimizers.SGD(0.0), run_eagerly=True)
        model.optimizer.iterations.assign(step)
        found = float(model.train_step(batch)["loss"])
        is_kept = draws.uniform([1, 8, 96 * 64], tf.constant([seed, step], tf.int64))[0].numpy() >= 0.25
        assert is_kept.mean() == pytest.approx(0.75, abs=0.01)
        logits = (windows * is_kept / 0.75) @ kernel
        expected = np.log(np.exp(logits).sum(axis=1)) - (logits * batch.targets.numpy()).sum(axis=1)
        assert found == pytest.approx(expected.mean(), rel=1e-4)
        assert draws_of.setdefault((seed, step), found) == found
    assert len(set(draws_of.values())) == 3
    assert model(batch.windows).numpy() == pytest.approx(windows @ kernel, abs=1e-4)  # evaluation drops nothing


def test_a_separable_problem_is_learned():
    random = np.random.default_rng(0)
    kinds = random.integers(0, 3, 30)
    windows = random.normal(size=[30, 96, 64])
    for index, kind in enumerate(kinds):
        windows[index, :, 10 * kind : 10 * kind + 5] += 1
    batch = LabelledBatch(tf.constant(windows, tf.float32), tf.one_hot(kinds, 3), tf.zeros([30, 1, 2], tf.int64))
    model = compiled(build_linear(), rate=1e-3)
    logs = []
    for _ in range(40):
        logs.append({name: float(value) for name, value in model.train_step(batch).items()})
        model.reset_metrics()
    assert logs[0]["accuracy"] < 0.7 and logs[-1]["accuracy"] == 1
    assert logs[-1]["loss"] < 0.2 * logs[0]["loss"]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name == "guzhov2020" else name
        for name in sorted(CLASSIFIER_PRESETS)
    ],
)
def test_every_preset_builds_and_takes_a_step(name):
    config = CLASSIFIER_PRESETS[name]()
    shape = (96, *networks.feature_shape(config.network)[1:])  # a second: a part of the window of three_band
    network = networks.build_classifier(config.network, shape, 3)
    before = network.get_layer("logits").kernel.numpy()
    model = ClassifierModel(network, "softmax")
    model.compile(optimizers.build(config.training), run_eagerly=True)
    assert np.isfinite(float(model.train_step(batch_of(2, shape=shape))["loss"]))
    assert (network.get_layer("logits").kernel.numpy() != before).any()
