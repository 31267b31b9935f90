import h5py
import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.network import ClassifierNetworkConfig, ResNetConfig
from audioset_triplet.errors import UserError
from audioset_triplet.models import imagenet_weights, networks

SHAPE = (40, 48, 3)  # frames, bands
CLASSES = 3
# Of the published layers one block in each stage, a tenth of the channels.
WIDTH, STEM, SMALL = 0.1, 6, dict(width=0.1, resnet=ResNetConfig(blocks=(1, 1, 1, 1)))


def keras_layers():
    """Layer name -> weights of a ResNet-50 of keras.applications, of that size: convolutions have biases."""
    random = np.random.default_rng(0)
    layers = {}

    def convolution(name, size, inputs, outputs):
        layers[f"{name}_conv"] = [random.normal(size=[size, size, inputs, outputs]), random.normal(size=outputs)]
        layers[f"{name}_bn"] = [*random.normal(size=[3, outputs]), random.uniform(0.5, 2, outputs)]

    convolution("conv1", 7, 3, STEM)
    inputs = STEM
    for stage, channels in enumerate((6, 13, 26, 51), start=2):
        name = f"conv{stage}_block1"
        convolution(f"{name}_0", 1, inputs, 4 * channels)
        convolution(f"{name}_1", 1, inputs, channels)
        convolution(f"{name}_2", 3, channels, channels)
        convolution(f"{name}_3", 1, channels, 4 * channels)
        inputs = 4 * channels
    return layers


def write(path, layers, root=""):
    """As Keras 2 writes weights: a group for each layer, the names of all in attributes."""
    names = ("kernel:0", "bias:0"), ("gamma:0", "beta:0", "moving_mean:0", "moving_variance:0")
    with h5py.File(path, "w") as file:
        top = file.create_group(root) if root else file
        top.attrs["layer_names"] = [name.encode() for name in ["input_1", *layers]]
        top.create_group("input_1").attrs["weight_names"] = np.zeros(0, "S1")
        for layer, weights in layers.items():
            group = top.create_group(layer)
            of_layer = [f"{layer}/{name}" for name in names[len(weights) > 2][: len(weights)]]
            group.attrs["weight_names"] = [name.encode() for name in of_layer]
            for name, weight in zip(of_layer, weights):
                group[name] = weight.astype(np.float32)
    return str(path)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """The weights, and a file of them."""
    layers = keras_layers()
    return layers, write(tmp_path_factory.mktemp("weights") / "resnet.h5", layers)


def loaded(architecture, path, shape=SHAPE, **settings):
    config = ClassifierNetworkConfig(architecture=architecture, imagenet_weights=path, **{**SMALL, **settings})
    network = networks.build_classifier(config, shape, CLASSES)
    return network, imagenet_weights.load(network, config)


def weights_of(network, name):
    return network.get_layer(name).get_weights()


@pytest.mark.parametrize("architecture", ["resnet50", "esresnet_attention"])
def test_a_residual_network_gets_the_weights_of_resnet50(stored, architecture):
    layers, path = stored
    network, num_loaded = loaded(architecture, path)
    assert num_loaded == len(layers) == 2 * 17  # convolutions, and as many batch normalizations
    # The height of an image is frequency, the second axis here.
    for ours, name in (
        ("stem", "conv1"),
        ("stage2_block1_spatial", "conv3_block1_2"),
        ("stage4_block1_shortcut", "conv5_block1_0"),
    ):
        kernel, bias = layers[f"{name}_conv"]
        np.testing.assert_allclose(weights_of(network, f"{ours}_conv"), [kernel.transpose(1, 0, 2, 3)], rtol=1e-6)
        scale, offset, mean, variance = layers[f"{name}_bn"]
        expected = scale, offset, mean - bias, variance
        np.testing.assert_allclose(weights_of(network, f"{ours}_norm"), expected, rtol=1e-5, atol=1e-6)


def test_what_the_file_lacks_starts_at_random(stored):
    first, second = (loaded("esresnet_attention", stored[1])[0] for _ in range(2))
    for name in ("attention1_pointwise", "logits"):
        assert not np.array_equal(weights_of(first, name)[0], weights_of(second, name)[0])
    np.testing.assert_array_equal(weights_of(first, "stem_norm"), weights_of(second, "stem_norm"))


def test_stereo_has_the_weights_in_the_network_of_a_channel(stored):
    layers, path = stored
    network, num_loaded = loaded("esresnet", path, (2, *SHAPE))
    kernel = network.get_layer("of_channel").get_layer("stem_conv").kernel
    assert num_loaded == len(layers)
    np.testing.assert_allclose(kernel, layers["conv1_conv"][0].transpose(1, 0, 2, 3), rtol=1e-6)


def test_whole_models_and_attributes_in_several_parts_are_read(stored, tmp_path):
    layers, path = stored
    assert loaded("esresnet", write(tmp_path / "whole.h5", layers, "model_weights"))[1] == len(layers)
    with h5py.File(path, "r") as source, h5py.File(tmp_path / "parts.h5", "w") as target:
        for name in source:
            source.copy(name, target)
        names = list(source.attrs["layer_names"])
        target.attrs["layer_names0"], target.attrs["layer_names1"] = names[:20], names[20:]
    assert loaded("esresnet", str(tmp_path / "parts.h5"))[1] == len(layers)


def test_without_a_file_nothing_is_loaded():
    assert loaded("fc", "", (4, 5))[1] == 0


@pytest.mark.parametrize(
    "file, settings, message",
    [
        (
            "resnet.h5",
            dict(architecture="vgg19"),
            "there is no file .* --architecture=vgg19; there is for resnet50, es",
        ),
        ("none.h5", {}, "none.h5: no such file"),
        ("text.h5", {}, "text.h5: is no file of weights that Keras 2"),
        ("other.h5", {}, "other.h5: is no file of weights that Keras 2"),
        ("part.h5", {}, "part.h5: has no layer conv5_block1_3_bn: not of --architecture=esresnet"),
        ("resnet.h5", dict(width=0.2), r"layer conv1_conv .* takes --width=1 and features of three"),
        ("resnet.h5", dict(shape=(64, 64)), r"\(7, 7, 3, 6\).*\(7, 7, 1, 6\).* three channels"),
    ],
)
def test_a_file_that_does_not_fit_is_one_clear_line(tmp_path, file, settings, message):
    layers = keras_layers()
    write(tmp_path / "resnet.h5", layers)
    write(tmp_path / "part.h5", dict(list(layers.items())[:-1]))
    (tmp_path / "text.h5").write_text("weights")
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["layers"] = np.zeros(3)
    with pytest.raises(UserError, match=message) as error:
        loaded(**{"architecture": "esresnet", "shape": (64, 64, 3), **settings}, path=str(tmp_path / file))
    assert "\n" not in str(error.value)


def randomized(model):
    """Gives a model of Keras weights of which every part counts."""
    random = np.random.default_rng(0)
    for layer in model.layers:
        weights = [random.uniform(0.5, 1.5, w.shape) / max(1, np.prod(w.shape[:-1])) for w in layer.get_weights()]
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            weights[1:3] = [random.normal(0, 0.1, w.shape) for w in weights[1:3]]
        layer.set_weights(weights)
    return model


@pytest.mark.slow
def test_the_first_layers_compute_what_those_of_keras_resnet50_do(tmp_path):
    model = randomized(tf.keras.applications.ResNet50(include_top=False, weights=None, input_shape=(48, 40, 3)))
    path = str(tmp_path / "resnet50.h5")
    model.save_weights(path)
    network, num_loaded = loaded("esresnet", path, width=1.0, resnet=ResNetConfig())
    assert num_loaded == 2 * 53
    x = np.random.default_rng(1).normal(size=[2, *SHAPE]).astype(np.float32)
    # Up to the first block with a stride, where the two networks differ.
    ours = tf.keras.Model(network.input, network.get_layer("stage1_block3_relu").output)(x)
    theirs = tf.keras.Model(model.input, model.get_layer("conv2_block3_out").output)(x.transpose(0, 2, 1, 3))
    np.testing.assert_allclose(ours, theirs.numpy().transpose(0, 2, 1, 3), rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_densenet121_computes_what_that_of_keras_does(tmp_path):
    model = randomized(tf.keras.applications.DenseNet121(include_top=True, weights=None, classes=7))
    path = str(tmp_path / "whole.h5")
    model.save(path)  # a whole model with its classes serves too
    network, num_loaded = loaded("densenet121", path, width=1.0)
    assert num_loaded == 120 + 121  # convolutions, batch normalizations
    x = np.random.default_rng(1).normal(size=[2, *SHAPE]).astype(np.float32)
    theirs = tf.keras.applications.DenseNet121(include_top=False, weights=None, input_shape=(48, 40, 3))
    theirs.set_weights(model.get_weights()[: len(theirs.weights)])
    expected = theirs(x.transpose(0, 2, 1, 3)).numpy().mean(axis=(1, 2))
    features = tf.keras.Model(network.input, network.get_layer("logits").input)(x)
    np.testing.assert_allclose(features, expected, rtol=1e-3)
