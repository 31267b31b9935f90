import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.classifier import ClassifierConfig, StartConfig
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.network import ClassifierNetworkConfig
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.models import networks
from audioset_triplet.models.registry import ARCHITECTURES, Architecture
from audioset_triplet.records import clip_labels
from audioset_triplet.runs import trained_networks
from audioset_triplet.training import classifier, instances, starts
from tests.toy_network import features
from tests.training.test_instances import config_of as instance_config

NETWORK = ClassifierNetworkConfig(architecture="normalized", bottleneck=6)


def normalized_features(x, config):
    return tf.keras.layers.BatchNormalization(name="normalization", momentum=0.5)(features(x, config))


@pytest.fixture(scope="module", autouse=True)
def normalized():
    """The toy architecture with a layer whose state changes in training without a gradient."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        architecture = Architecture(normalized_features, name=lambda config: f"normalized_{config.width:g}")
        monkeypatch.setitem(ARCHITECTURES, "normalized", architecture)
        yield


@pytest.fixture(scope="module")
def start(data, tmp_path_factory):
    """A run of instance discrimination that has ended."""
    config = instance_config(data, steps=4)
    config = dataclasses.replace(config, network=dataclasses.replace(config.network, architecture="normalized"))
    folder = str(tmp_path_factory.mktemp("start") / "run")
    instances.train(config, clip_labels.read(data, []), folder)
    return folder


def config_of(data, start_from, trained_layers="all", **training):
    options = dict(batch_size=8, steps=2, learning_rate=1e-2)
    return ClassifierConfig(
        data=DataConfig(data=data),
        start=StartConfig(start_from, trained_layers),
        network=NETWORK,
        training=TrainingConfig(**{**options, **training}),
    )


def body_weights(network):
    return networks.architecture_of(network).get_weights()


def unchanged(network, before):
    return [bool((old == new).all()) for old, new in zip(before, body_weights(network))]


def test_a_classifier_starts_with_the_network_of_a_run_but_for_the_layers_on_top(start):
    network = networks.build_classifier(NETWORK, (96, 64), 3)
    top = [network.get_layer(name).kernel.numpy() for name in ("bottleneck", "logits")]
    starts.transfer(network, NETWORK, start)
    source = trained_networks.restore_network(start)
    windows = tf.random.stateless_normal([3, 96, 64], [0, 0])
    expected = networks.architecture_of(source)(windows)
    np.testing.assert_array_equal(networks.architecture_of(network)(windows), expected)
    assert len(body_weights(network)) == 6  # kernel and bias, and four of the normalization
    for name, before in zip(("bottleneck", "logits"), top):
        np.testing.assert_array_equal(network.get_layer(name).kernel, before)


@pytest.mark.parametrize("trained_layers", ["all", "head"])
def test_all_layers_learn_or_those_on_top_alone(data, start, tmp_path, trained_layers):
    before = body_weights(trained_networks.restore_network(start))
    config = config_of(data, start, trained_layers)
    clips = classifier.training_clips(config)
    classifier.train(config, clips, str(tmp_path))
    trained = trained_networks.restore_classifier(str(tmp_path)).network
    assert unchanged(trained, before) == [trained_layers == "head"] * 6
    assert (trained.get_layer("logits").bias.numpy() != 0).all()
    again = trained_networks.restore_classifier(str(tmp_path)).network
    np.testing.assert_array_equal(again.get_layer("logits").kernel, trained.get_layer("logits").kernel)

    # A classifier is a start too; a run that goes on does not start again.
    network = networks.build_classifier(NETWORK, (96, 64), 7)
    starts.begin(network, config_of(data, str(tmp_path)), str(tmp_path / "new"))
    assert all(unchanged(network, body_weights(trained)))
    fresh = networks.build_classifier(NETWORK, (96, 64), 7)
    weights = body_weights(fresh)
    starts.begin(fresh, config_of(data, str(tmp_path)), str(tmp_path))
    assert all(unchanged(fresh, weights))


def test_a_start_that_does_not_fit_is_one_clear_line(data, start, tmp_path):
    network = networks.build_classifier(NETWORK, (96, 64), 3)
    with pytest.raises(UserError, match="its network is another one .width: 1.0, here 0.5"):
        starts.transfer(network, dataclasses.replace(NETWORK, width=0.5), start)
    with pytest.raises(UserError, match="its network is another one .architecture: normalized, here fc"):
        starts.transfer(network, dataclasses.replace(NETWORK, architecture="fc"), start)
    with pytest.raises(UserError, match="none is not a run directory"):
        starts.transfer(network, NETWORK, str(tmp_path / "none"))
    stopped = tmp_path / "stopped"
    stopped.mkdir()
    settings = json.loads(open(f"{start}/config.json").read())
    (stopped / "config.json").write_text(json.dumps(settings))
    with pytest.raises(UserError, match="has not taken all its steps"):
        starts.transfer(network, NETWORK, str(stopped))
    (stopped / "config.json").write_text(json.dumps({"objective": "clustering"}))
    with pytest.raises(UserError, match="trains no network on windows"):
        starts.transfer(network, NETWORK, str(stopped))
    with pytest.raises(UserError, match="--trained_layers=head needs a network that has learned"):
        ClassifierConfig(start=StartConfig(trained_layers="head"))
