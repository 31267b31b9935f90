import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.network import ClassifierNetworkConfig, EmbeddingNetworkConfig, ResNetConfig
from audioset_triplet.errors import UserError
from audioset_triplet.models import networks
from audioset_triplet.models.networks import build_classifier, build_embedding
from audioset_triplet.models.registry import ARCHITECTURES, Architecture
from audioset_triplet.training import precision
from tests.toy_network import TOY, features

SHAPE = (96, 64)
DEEP = pytest.param("inception_v3", marks=pytest.mark.slow)  # takes seconds to build
DENSE = pytest.param("densenet121", marks=pytest.mark.slow)
NAMES = ["fc", "alexnet", "vgg19", DEEP, "resnet50", "mobilenet", "esresnet_attention", DENSE]
# Built in a fraction of the time.
SMALL = dict(width=0.125, resnet=ResNetConfig(stem_stride=2, blocks=(1, 1, 1, 1)))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_embeddings_are_float32_of_unit_length_even_for_silence(policy):
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        network = build_embedding(EmbeddingNetworkConfig(**SMALL, embedding_size=16), SHAPE)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    windows = tf.concat([tf.random.stateless_normal([3, 96, 64], [0, 0]), tf.fill([1, 96, 64], -4.6)], 0)
    embeddings = network(windows)
    assert embeddings.shape == [4, 16] and embeddings.dtype == tf.float32
    np.testing.assert_allclose(tf.norm(embeddings, axis=1), 1.0, atol=1e-5)


def test_the_classifier_has_the_layers_of_the_embedding_below_its_logits():
    embedding = build_embedding(EmbeddingNetworkConfig(**SMALL, embedding_size=16), SHAPE)
    classifier = build_classifier(ClassifierNetworkConfig(**SMALL), SHAPE, 5)
    shapes = [[(w.name, w.shape) for layer in n.layers for w in layer.weights] for n in (embedding, classifier)]
    assert shapes[0][:-2] == shapes[1][:-2] and len(shapes[0]) > 80
    assert shapes[1][-2:] == [("logits/kernel:0", [256, 5]), ("logits/bias:0", [5])]
    logits = classifier(tf.random.stateless_normal([3, 96, 64], [0, 0]))
    assert logits.shape == [3, 5] and logits.dtype == tf.float32


def test_a_bottleneck_at_unit_length_is_an_embedding(monkeypatch):
    monkeypatch.setitem(ARCHITECTURES, "toy", TOY)
    classifier = build_classifier(ClassifierNetworkConfig(architecture="toy", bottleneck=6), SHAPE, 5)
    windows = tf.random.stateless_normal([3, 96, 64], [0, 0])
    hidden = tf.keras.Model(classifier.input, classifier.get_layer("hidden").output)(windows).numpy()
    (kernel, bias), (last_kernel, last_bias) = (classifier.get_layer(n).get_weights() for n in ("bottleneck", "logits"))
    bottleneck = hidden @ kernel + bias  # linear: no activation
    np.testing.assert_allclose(classifier(windows), bottleneck @ last_kernel + last_bias, atol=1e-5)
    unit = bottleneck / np.linalg.norm(bottleneck, axis=1, keepdims=True)
    np.testing.assert_allclose(networks.bottleneck_embedding(classifier)(windows), unit, atol=1e-5)
    with pytest.raises(ValueError, match="bottleneck"):
        networks.bottleneck_embedding(build_classifier(ClassifierNetworkConfig(architecture="toy"), SHAPE, 5))


def test_the_weights_of_a_seed_are_those_of_the_layers_from_the_input_up():
    # Initial weights are drawn in the order in which layers are made: an embedding of any size has the same backbone.
    def weights(build):
        tf.keras.utils.set_random_seed(3)
        return build().get_layer("stage4_block1_expand_conv").kernel.numpy()

    backbone = ClassifierNetworkConfig(**SMALL)
    first = weights(lambda: build_embedding(EmbeddingNetworkConfig(**SMALL, embedding_size=8), SHAPE))
    np.testing.assert_array_equal(first, weights(lambda: build_classifier(backbone, SHAPE, 5)))


def test_an_image_network_has_the_architecture_and_a_stem_stride_of_its_own():
    config = EmbeddingNetworkConfig(**SMALL, embedding_size=8)
    network = networks.build_image_embedding(config, image_size=32, stem_stride=1)
    assert network.name == "image_resnet14" and network.input_shape == (None, 32, 32, 3)
    assert network.get_layer("stem_conv").output_shape == (None, 32, 32, 8)  # the audio network has stride 2
    embeddings = network(tf.zeros([2, 32, 32, 3], tf.uint8))
    np.testing.assert_allclose(tf.norm(embeddings, axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_every_architecture_takes_images_and_gives_float32_in_mixed_precision(name):
    config = EmbeddingNetworkConfig(architecture=name, width=0.02, batch_norm="all", embedding_size=8)
    with precision.precision("mixed_bfloat16"):
        network = networks.build_image_embedding(config, image_size=64, stem_stride=2)
    activations = (tf.keras.layers.ReLU, tf.keras.layers.Activation)  # the latter in DenseNet, which is a submodel
    hidden = next(layer for layer in network.submodules if isinstance(layer, activations))
    assert hidden.compute_dtype == "bfloat16" and network.get_layer("embedding").input.dtype == tf.float32
    assert network.output.dtype == tf.float32 and network.output_shape == (None, 8)
    norms = [layer for layer in network.submodules if isinstance(layer, tf.keras.layers.BatchNormalization)]
    assert all(norm.synchronized for norm in norms) and bool(norms) == (name != "fc")


@pytest.mark.parametrize("name", ["alexnet", "vgg19", DEEP, DENSE])
def test_an_architecture_names_the_least_size_where_a_window_is_smaller(name):
    (height, width), config = ARCHITECTURES[name].min_size, ClassifierNetworkConfig(architecture=name, width=0.02)
    assert build_classifier(config, (height, width), 3).output_shape == (None, 3)
    with pytest.raises(ValueError):  # the layers take no less
        ARCHITECTURES[name].features(tf.keras.Input([height - 1, width, 1]), config)
    for small in ((height - 1, width), (height, width - 1)):
        with pytest.raises(UserError) as error:
            build_classifier(config, small, 3)
        least, given = f"{height} x {width}", f"{small[0]} x {small[1]}"
        assert str(error.value) == f"--architecture={name} takes windows and images from {least} on, not {given}."


def test_flat_features_are_the_input_at_unit_length():
    windows = tf.random.stateless_normal([3, 4, 5], [0, 0])
    flat = networks.build_flat_features((4, 5), "bands")
    np.testing.assert_allclose(flat(windows), tf.math.l2_normalize(tf.reshape(windows, [3, 20]), axis=1), rtol=1e-5)
    assert flat.name == "bands"


@pytest.mark.parametrize("shape", [(12, 5), (12, 5, 3)])
def test_an_architecture_that_is_registered_is_built_by_its_name(monkeypatch, shape):
    monkeypatch.setitem(ARCHITECTURES, "toy", TOY)
    config = EmbeddingNetworkConfig(architecture="toy", width=0.5, embedding_size=4)
    embedding = build_embedding(config, shape)
    classifier = build_classifier(ClassifierNetworkConfig(architecture="toy", width=0.5), shape, 7)
    assert (embedding.name, classifier.name) == ("toy", "toy_classifier")
    assert embedding.get_layer("hidden").kernel.shape == [np.prod(shape[1:]), 8]
    assert embedding(tf.zeros([2, *shape])).shape == [2, 4] and classifier(tf.zeros([2, *shape])).shape == [2, 7]


def test_what_cannot_be_built_is_one_clear_line(monkeypatch):
    with pytest.raises(UserError, match="--architecture=other is not known; the architectures are fc, alexnet, vgg19"):
        build_embedding(EmbeddingNetworkConfig(architecture="other"), SHAPE)
    monkeypatch.setitem(ARCHITECTURES, "rgb", Architecture(features, lambda config: "rgb", (None, None, 3)))
    config = EmbeddingNetworkConfig(architecture="rgb")
    with pytest.raises(UserError, match="--architecture=rgb takes any x any x 3, not 96 x 64 x 1"):
        build_embedding(config, SHAPE)
    assert build_embedding(config, (96, 64, 3)).name == "rgb"
