import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.export import ExportConfig
from audioset_triplet.config.network import EmbeddingNetworkConfig, VectorConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import device_export, network_parts, saved_model, vectors
from audioset_triplet.frontend import registry
from audioset_triplet.models import networks
from audioset_triplet.records import clip_labels, globs, reading
from audioset_triplet.sampling import windows
from tests import tiny_records
from tests.training.tiny_runs import TINY_BACKBONE  # it also makes the toy network known

LOG_MEL = registry.by_name("log_mel")
ALL_LAYERS = ("embedding", "features")


def built(**options):
    tf.keras.utils.set_random_seed(0)
    return networks.build_embedding(EmbeddingNetworkConfig(**options, embedding_size=8), LOG_MEL.feature_shape)


@pytest.fixture(scope="module")
def resnet():
    return built(**TINY_BACKBONE)


@pytest.fixture(scope="module")
def network():
    """A network that costs next to nothing: `features` of 16 dimensions, `embedding` of 8."""
    return built(architecture="toy")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_records.write(tmp_path_factory.mktemp("records") / "all.tfrecord", tiny_records.make_clips())


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def by_hand(network, features, *names):
    """Layers of the network at unit length, side by side."""

    def output(name):
        if name.startswith("stage"):
            return tf.reduce_mean(network.get_layer(f"{name}_block1_relu").output, axis=[1, 2])
        return network.get_layer("embedding").output if name == "embedding" else network.get_layer("embedding").input

    return np.hstack([unit(tf.keras.Model(network.input, output(name))(features).numpy()) for name in names])


def features_of(data, folds=(), clip_ids=None):
    """The features of all windows of the records, in NumPy."""
    clips = reading.read_clips(globs.expand(data), folds, deterministic=True)
    batches = windows.successive_windows(clips, LOG_MEL, 16)
    chosen = [
        rows.numpy()[[clip_ids is None or clip.decode() in clip_ids for clip in ids.numpy()]]
        for ids, rows, _ in batches
    ]
    return np.concatenate(chosen)


def whitened(x, exponent, count):
    """S^(-p/2) U'(x - m), by the singular values of the centred vectors, and unit length."""
    centred = (x - x.mean(axis=0)).astype(np.float64)
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    variances = singular**2 / len(x)
    count = min(count, np.count_nonzero(variances > 1e-5 * variances[0]))
    return unit(centred @ directions[:count].T * variances[:count] ** (-exponent / 2))


def test_layers_stand_side_by_side_at_unit_length(resnet):
    features = tf.random.stateless_normal([5, 96, 64], [0, 0])
    for names in (("features",), ("stage4",), ("embedding", "stage2", "features")):
        model = vectors.of_network(resnet, VectorConfig(layers=names), LOG_MEL, DataConfig())
        expected = unit(by_hand(resnet, features, *names))
        np.testing.assert_allclose(model(features), expected, atol=1e-5)
    np.testing.assert_allclose(by_hand(resnet, features, "stage4"), by_hand(resnet, features, "features"), atol=1e-6)
    assert vectors.of_network(resnet, VectorConfig(), LOG_MEL, DataConfig()) is resnet


@pytest.mark.parametrize("exponent, count", [(0.5, 6), (1.0, 100)])
def test_whitening_takes_mean_and_covariance_of_the_training_windows(network, data, exponent, count):
    config = VectorConfig(layers=ALL_LAYERS, whitening=exponent, components=count)
    model = vectors.of_network(network, config, LOG_MEL, DataConfig(data=data))
    features = features_of(data)
    expected = whitened(by_hand(network, features, *ALL_LAYERS), exponent, count)
    given = model(features).numpy()
    assert given.shape == expected.shape and given.shape[1] <= min(count, len(features) - 1)  # of 8 + 16
    np.testing.assert_allclose(given @ given.T, expected @ expected.T, atol=5e-3)
    if exponent < 1:  # and no dimension has more of the variance than another, but for chance
        assert given.var(axis=0).max() < 0.8 * expected.var(axis=0).max()


def test_only_the_clips_of_the_run_count(network, data):
    config = VectorConfig(whitening=1.0)
    chosen = sorted(clip.clip_id for clip in clip_labels.read(data, ()))[::2]
    some = vectors.of_network(network, config, LOG_MEL, DataConfig(data=data), chosen)
    features = features_of(data)
    expected = whitened(by_hand(network, features_of(data, clip_ids=chosen), "embedding"), 1.0, 8)
    given = some(features_of(data, clip_ids=chosen)).numpy()
    np.testing.assert_allclose(given @ given.T, expected @ expected.T, atol=5e-3)
    everything = vectors.of_network(network, config, LOG_MEL, DataConfig(data=data))
    assert np.abs(everything(features).numpy() - some(features).numpy()).max() > 0.01


def test_full_whitening_leaves_no_covariance_and_less_leaves_its_power():
    random = np.random.default_rng(0)
    mixing, shift = random.normal(size=[6, 6]), random.normal(size=6)
    batches = [random.normal(size=[rows, 6]) @ mixing + shift for rows in (500, 1, 800)]
    mean, covariance = vectors.mean_and_covariance(iter(batches))
    x = np.concatenate(batches)
    np.testing.assert_allclose(mean, x.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(covariance, np.cov(x.T, bias=True), rtol=1e-8)
    variances = np.sort(np.linalg.eigvalsh(covariance))[::-1]
    for exponent in (0.0, 0.5, 1.0):
        kernel, bias = vectors.whitening(mean, covariance, exponent, 4)
        left = np.sort(np.linalg.eigvalsh(np.cov((x @ kernel + bias).T, bias=True)))[::-1]
        np.testing.assert_allclose(left, variances[:4] ** (1 - exponent), rtol=1e-6)
        np.testing.assert_allclose((x @ kernel + bias).mean(axis=0), 0, atol=1e-9)
    with pytest.raises(UserError, match="all windows have the same vector"):
        vectors.whitening(*vectors.mean_and_covariance([np.ones([3, 4])]), 0.5, 4)


def test_written_models_compute_them(network, data, tmp_path):
    config = VectorConfig(layers=ALL_LAYERS, whitening=0.5, components=6)
    model = vectors.of_network(network, config, LOG_MEL, DataConfig(data=data))
    assert saved_model.export(model, str(tmp_path / "model"), LOG_MEL, {}).startswith("toy-embedding-features-white-6-")
    waveform = np.random.default_rng(0).normal(0, 0.1, LOG_MEL.window_samples).astype(np.float32)
    (given,) = tf.saved_model.load(str(tmp_path / "model"))(waveform)["window_embeddings"].numpy()[0]
    np.testing.assert_allclose(given, model(LOG_MEL.windows(waveform)).numpy()[0], atol=1e-5)


@pytest.mark.slow
def test_a_device_gets_them_too(resnet, data, tmp_path):
    config = VectorConfig(layers=("embedding", "stage2", "features"), whitening=0.5, components=6)
    model = vectors.of_network(resnet, config, LOG_MEL, DataConfig(data=data))
    folder = str(tmp_path / "device")
    written = device_export.export(
        model, folder, registry.portable("log_mel"), {}, {}, ExportConfig(format="tflite"), None
    )
    assert written.agreement["embedding"].cosine > 0.999


def test_parts_of_a_vector_are_put_together_behind_what_is_quantized(network, data):
    config = VectorConfig(layers=ALL_LAYERS, whitening=0.5, components=6)
    model = vectors.of_network(network, config, LOG_MEL, DataConfig(data=data))
    parts, features = network_parts.split(model), tf.random.stateless_normal([3, 96, 64], [0, 0])
    raw = parts.body(features)
    assert {name: tensor.shape[1] for name, tensor in raw.items()} == {"embedding_0": 8, "embedding_1": 16}
    finish = parts.finishes["embedding"]
    np.testing.assert_allclose(finish.model([raw[name] for name in finish.raw]), model(features), atol=1e-5)
    assert len(parts.body.weights) == len(network.weights)  # the product is in the other part


def test_what_cannot_be_done_is_said(network, data):
    toy = networks.build_embedding(EmbeddingNetworkConfig(architecture="toy", embedding_size=8), LOG_MEL.feature_shape)
    with pytest.raises(UserError, match="--layers=stage3: toy has no such stage, which are those of ResNets"):
        vectors.of_network(toy, VectorConfig(layers=("stage3",)), LOG_MEL, DataConfig())
    with pytest.raises(UserError, match="--layers has stage3 twice"):
        VectorConfig(layers=("stage3", "stage3"))
    with pytest.raises(UserError, match="--layers needs one of embedding, features, stage1"):
        VectorConfig(layers=())
    with pytest.raises(UserError, match="--layers must have values that are one of"):
        VectorConfig(layers=("pool",))
    with pytest.raises(UserError, match="needs 2 windows at least, and the records hold 0"):
        vectors.of_network(network, VectorConfig(whitening=1.0), LOG_MEL, DataConfig(data=data), [])
    none = dataclasses.replace(DataConfig(), data=data + ".gone")
    with pytest.raises(UserError, match="gone"):
        vectors.of_network(network, VectorConfig(whitening=1.0), LOG_MEL, none)
