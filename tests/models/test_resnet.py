import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.network import EmbeddingNetworkConfig, NetworkConfig, ResNetConfig
from audioset_triplet.models.resnet import build_resnet50, build_resnet50_classifier

# Built in a fraction of the time.
SMALL = dict(width=0.125, resnet=ResNetConfig(stem_stride=2, blocks=(1, 1, 1, 1)))


def multiplications(network):
    """Of all convolutions and dense layers, for one window: kernel elements times output positions."""
    total = 0
    for layer in network.layers:
        if isinstance(layer, tf.keras.layers.Conv2D):
            total += int(np.prod(layer.kernel.shape)) * int(np.prod(layer.output_shape[1:3]))
        elif isinstance(layer, tf.keras.layers.Dense):
            total += int(np.prod(layer.kernel.shape))
    return total


@pytest.fixture(scope="module")
def published():
    return build_resnet50(EmbeddingNetworkConfig())


def test_published_size(published):
    # From the architecture: 53 convolutions with two normalisation weights per channel, and the 128-d head.
    assert sum(isinstance(layer, tf.keras.layers.Conv2D) for layer in published.layers) == 53
    weights = sum(int(np.prod(weight.shape)) for weight in published.trainable_weights)
    assert weights == pytest.approx(23.7e6, rel=0.005)
    assert multiplications(published) == pytest.approx(1.86e9, rel=0.01)


def test_published_geometry(published):
    assert published.get_layer("stem_conv").output_shape[1:] == (96, 64, 64)  # no stride in the first 7x7
    assert published.get_layer("average_pool").input_shape[1:] == (6, 4, 2048)  # 6x4 average pool
    assert published.output_shape == (None, 128)
    assert all(not layer.use_bias for layer in published.layers if isinstance(layer, tf.keras.layers.Conv2D))


def test_width_and_stem_stride_shrink_the_network(published):
    small = build_resnet50(EmbeddingNetworkConfig(width=0.25, resnet=ResNetConfig(stem_stride=2)))
    # A quarter of the channels on a quarter of the positions: about 1/64 of the work.
    assert multiplications(small) == pytest.approx(multiplications(published) / 64, rel=0.2)
    assert small.get_layer("average_pool").input_shape[1:] == (3, 2, 512)


def test_blocks_are_those_of_each_stage():
    shallow = build_resnet50(EmbeddingNetworkConfig(width=0.0625, resnet=ResNetConfig(blocks=(2, 1, 3, 1))))
    names = [layer.name for layer in shallow.layers if layer.name.endswith("_add")]
    blocks = [(1, 1), (1, 2), (2, 1), (3, 1), (3, 2), (3, 3), (4, 1)]
    assert names == [f"stage{stage}_block{block}_add" for stage, block in blocks]
    assert shallow.get_layer("average_pool").input_shape[1:] == (6, 4, 128)
    assert shallow.name == "resnet23" and build_resnet50_classifier(NetworkConfig(), 5).name == "resnet50_classifier"


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_embeddings_are_float32_of_unit_length_even_for_silence(policy):
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        network = build_resnet50(EmbeddingNetworkConfig(**SMALL, embedding_size=16))
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    windows = tf.concat([tf.random.stateless_normal([3, 96, 64], [0, 0]), tf.fill([1, 96, 64], -4.6)], 0)
    embeddings = network(windows)
    assert embeddings.shape == [4, 16] and embeddings.dtype == tf.float32
    np.testing.assert_allclose(tf.norm(embeddings, axis=1), 1.0, atol=1e-5)


def test_the_classifier_has_the_layers_of_the_embedding_below_its_logits():
    embedding = build_resnet50(EmbeddingNetworkConfig(**SMALL, embedding_size=16))
    classifier = build_resnet50_classifier(NetworkConfig(**SMALL), 5)
    shapes = [[(w.name, w.shape) for layer in n.layers for w in layer.weights] for n in (embedding, classifier)]
    assert shapes[0][:-2] == shapes[1][:-2] and len(shapes[0]) > 80
    assert shapes[1][-2:] == [("logits/kernel:0", [256, 5]), ("logits/bias:0", [5])]
    logits = classifier(tf.random.stateless_normal([3, 96, 64], [0, 0]))
    assert logits.shape == [3, 5] and logits.dtype == tf.float32


def test_the_weights_of_a_seed_are_those_of_the_layers_from_the_input_up():
    # Initial weights are drawn in the order in which layers are made: an embedding of any size has the same backbone.
    def weights(build):
        tf.keras.utils.set_random_seed(3)
        return build().get_layer("stage4_block1_expand_conv").kernel.numpy()

    backbone = NetworkConfig(**SMALL)
    first = weights(lambda: build_resnet50(EmbeddingNetworkConfig(**SMALL, embedding_size=8)))
    np.testing.assert_array_equal(first, weights(lambda: build_resnet50_classifier(backbone, 5)))
