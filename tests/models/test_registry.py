import pytest
import tensorflow as tf

from audioset_triplet.config.network import ClassifierNetworkConfig
from audioset_triplet.models import sizes
from audioset_triplet.models.networks import build_classifier
from audioset_triplet.models.registry import ARCHITECTURES
from audioset_triplet.models.sizes import Size
from tests.reference import network_sizes

# Layers, weights and multiplications of a classifier as published, by the layers of the papers.
COUNTS = {
    name: Size(*getattr(network_sizes, name)(height, width, classes))
    for name, (height, width, classes) in {
        "fc": (96, 64, 3087),
        "alexnet": (96, 64, 3087),
        "vgg19": (96, 64, 3087),
        "inception_v3": (96, 64, 3087),
        "resnet50": (96, 64, 3087),
        "mobilenet": (96, 64, 521),
        "esresnet": (394, 341, 50),
        "esresnet_attention": (394, 341, 50),
        "densenet121": (224, 224, 1000),
    }.items()
}
# What the counts give where the print has something else: 767M is cut, not rounded; nothing explains 4.7B; 8.0M counts
# batch normalization.
OTHER_MULTIPLICATIONS = {"alexnet": "768M", "inception_v3": "5.4B"}
OTHER_WEIGHTS = {"densenet121": "7.9M"}
# The map or the values before the last layers, which the paper gives (for YAMNet: its code).
LAST_MAPS = {
    "alexnet": ("flat", (2, 2, 256)),
    "vgg19": ("flat", (3, 2, 512)),
    "inception_v3": ("average_pool", (10, 6, 2048)),
    "resnet50": ("average_pool", (6, 4, 2048)),
    "mobilenet": ("average_pool", (3, 2, 1024)),
    "fc": ("flat", (96, 64, 1)),
    "esresnet": ("average_pool", (13, 11, 2048)),
    "esresnet_attention": ("average_pool", (13, 11, 2048)),
    "densenet121": ("average_pool", (7, 7, 1024)),
}


SLOW = ("esresnet", "densenet121")  # to build; that with attention has all layers of the former


@pytest.fixture
def undrawn(monkeypatch):
    """Kernels of zeros: to draw 150 million weights takes as long as to build the networks."""
    zeros = tf.keras.initializers.Zeros()
    drawn = tf.keras.initializers.VarianceScaling
    monkeypatch.setattr(drawn, "__call__", lambda self, shape, dtype=None, **_: zeros(shape, dtype))


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in COUNTS])
def test_an_architecture_has_the_layers_of_its_paper(name):
    published = ARCHITECTURES[name].published
    config = ClassifierNetworkConfig(architecture=name)
    network = build_classifier(config, published.feature_shape, published.num_outputs)
    assert sizes.of(network) == COUNTS[name]
    layer, shape = LAST_MAPS[name]
    assert network.get_layer(layer).input_shape[1:] == shape
    assert network.output_shape == (None, published.num_outputs)


@pytest.mark.parametrize("name", COUNTS)
def test_the_layers_of_a_paper_give_its_published_size(name):
    published, counts = ARCHITECTURES[name].published, COUNTS[name]
    weights = OTHER_WEIGHTS.get(name, published.weights)
    assert sizes.printed_like(counts.weights, published.weights) == weights
    multiplications = OTHER_MULTIPLICATIONS.get(name, published.multiplications)
    assert sizes.printed_like(counts.multiplications, published.multiplications) == multiplications


def test_every_architecture_has_a_size_and_is_named_by_the_flag():
    published = {name: architecture.published for name, architecture in ARCHITECTURES.items() if name != "toy"}
    assert published.keys() == COUNTS.keys() and all(len(size.source) > 10 for size in published.values())
    text = ClassifierNetworkConfig.__dataclass_fields__["architecture"].metadata["help"]
    assert all(name in text for name in COUNTS)
