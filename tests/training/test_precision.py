"""The network in half precision, everything around it in single: no sound makes a NaN of it."""

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.network import EmbeddingNetworkConfig
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.config.triplet import LossConfig
from audioset_triplet.frontend import registry
from audioset_triplet.media import pcm as samples
from audioset_triplet.models import networks
from audioset_triplet.training import optimizers
from audioset_triplet.training.precision import precision
from audioset_triplet.training.triplet import ContrastiveModel, TripletModel
from tests.tiny_network import build_tiny_network
from tests.training.test_triplet import batch_of
from tests.training.tiny_runs import TINY_RESNET

RESNET = EmbeddingNetworkConfig(width=0.0625, resnet=TINY_RESNET, embedding_size=8)
HEAD = ("average_pool", "embedding")
HALF = {"mixed_bfloat16": tf.bfloat16, "mixed_float16": tf.float16}


def extreme_windows():
    """Log-mel of silence, full-scale noise, a full-scale square wave, a click, a constant, and noise: [6, 96, 64]."""
    random = np.random.default_rng(0)
    click, square = np.zeros(15600), np.where(np.arange(15600) % 32 < 16, 32767, -32768)
    click[8000] = 32767
    sounds = [np.zeros(15600), random.choice([-32768, 32767], 15600), square, click, np.full(15600, 32767)]
    pcm = np.stack([*sounds, random.normal(0, 1000, 15600)]).astype(np.int16)
    return registry.FRONT_ENDS["log_mel"].features(samples.to_waveform(pcm))


def model_in(name, loss="triplet"):
    """The beginning of the network, which is traced in a tenth of the time."""
    with precision(name):
        whole = networks.build_embedding(RESNET, (96, 64))
        pool, dense = (whole.get_layer(layer).from_config(whole.get_layer(layer).get_config()) for layer in HEAD)
        features = dense(pool(whole.get_layer("stage1_block1_relu").output))
        network = tf.keras.Model(whole.input, tf.keras.layers.UnitNormalization(dtype="float32")(features))
    model = (ContrastiveModel if loss == "nt_xent" else TripletModel)(network, LossConfig(loss=loss, margin=0.5))
    model.compile(optimizers.build(TrainingConfig(precision=name, learning_rate=1e-2)))
    return model


def steps(model, batch, count):
    """What each of some steps on one batch says."""
    history = [model.fit(tf.data.Dataset.from_tensors(batch), verbose=0).history for _ in range(count)]
    return [{name: value for name, (value,) in epoch.items()} for epoch in history]


@pytest.mark.parametrize("name", ["mixed_bfloat16", "mixed_float16"])
def test_only_the_network_is_in_half_precision(name):
    with precision(name):
        network = networks.build_embedding(RESNET, (96, 64))
    assert network.get_layer("stage4_block1_relu").output.dtype == HALF[name]
    assert network.get_layer("average_pool").output.dtype == network.output.dtype == tf.float32
    assert {variable.dtype for variable in network.variables} == {tf.float32}
    assert tf.keras.mixed_precision.global_policy().name == "float32"


@pytest.mark.slow  # half precision on a CPU is
@pytest.mark.parametrize("name", ("float32", "mixed_bfloat16", "mixed_float16"))
@pytest.mark.parametrize("loss", ["triplet", "nt_xent"])
def test_no_sound_makes_a_nan(name, loss):
    windows = extreme_windows()
    assert np.isfinite(windows).all()
    model = model_in(name, loss)
    silence = tf.repeat(windows[:1], 6, axis=0)
    for anchor in (windows, silence):  # and a batch in which nothing differs, where normalisation divides by nothing
        batch = batch_of(6)._replace(anchor=anchor, positive=tf.reverse(anchor, [0]))
        for logs in steps(model, batch, 3):
            assert np.isfinite(list(logs.values())).all(), logs
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert np.isfinite(model(windows)).all()


@pytest.mark.slow
def test_half_precision_trains_as_single_does():
    """Twenty steps on one batch: the loss begins alike and falls."""
    first = {}
    for name in ("float32", "mixed_bfloat16", "mixed_float16"):
        tf.keras.utils.set_random_seed(0)
        losses = [logs["loss"] for logs in steps(model_in(name), batch_of(8), 20)]
        assert losses[-1] < 0.5 * losses[0], (name, losses)
        first[name] = losses[0]
    assert first["mixed_bfloat16"] == pytest.approx(first["float32"], rel=0.1)
    assert first["mixed_float16"] == pytest.approx(first["float32"], rel=0.02)


@pytest.mark.slow
def test_a_step_whose_scaled_loss_overflows_is_left_out():
    model, batch = model_in("mixed_float16"), batch_of(6)
    inner = tf.keras.optimizers.SGD(0.1)
    model.compile(tf.keras.mixed_precision.LossScaleOptimizer(inner, initial_scale=2.0**40))
    before = model.submodels["network"].trainable_variables[0].numpy()
    (logs,) = steps(model, batch, 1)
    assert float(model.optimizer.loss_scale) == 2.0**39
    np.testing.assert_array_equal(before, model.submodels["network"].trainable_variables[0].numpy())
    assert np.isfinite(logs["gradient_norm"])


def test_a_gradient_that_is_no_number_changes_no_weight_and_names_the_rows():
    batch = batch_of(6)
    windows = batch.anchor.numpy()
    windows[2] = np.nan
    network = build_tiny_network()
    model = TripletModel(network, LossConfig(negatives="sampled", margin=1e3), num_rows=6)
    model.compile(tf.keras.optimizers.SGD(0.1), run_eagerly=True)
    good = batch._replace(negative=batch.positive)
    model.train_step(good)
    assert model.bad_example_ids() == set(range(6))  # none is worse than the others
    before = network.get_weights()
    logs = model.train_step(good._replace(anchor=tf.constant(windows)))
    assert np.isnan(float(logs["loss"])) and np.isnan(float(logs["gradient_norm"]))
    assert model.bad_example_ids() == {2}
    for old, new in zip(before, network.get_weights()):
        np.testing.assert_array_equal(old, new)
