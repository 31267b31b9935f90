import pytest
import tensorflow as tf

from audioset_triplet.config.network import ClassifierNetworkConfig, EmbeddingNetworkConfig, ResNetConfig
from audioset_triplet.models.networks import build_classifier, build_embedding
from tests.models.sizes import multiplications, num_weights

SHAPE = (96, 64)


@pytest.fixture(scope="module")
def published():
    return build_embedding(EmbeddingNetworkConfig(), SHAPE)


def test_published_size(published):
    # From the architecture: 53 convolutions with two normalization weights per channel, and the 128-d head.
    assert sum(isinstance(layer, tf.keras.layers.Conv2D) for layer in published.layers) == 53
    assert num_weights(published) == pytest.approx(23.7e6, rel=0.005)
    assert multiplications(published) == pytest.approx(1.86e9, rel=0.01)


def test_published_geometry(published):
    assert published.get_layer("stem_conv").output_shape[1:] == (96, 64, 64)  # no stride in the first 7x7
    assert published.get_layer("average_pool").input_shape[1:] == (6, 4, 2048)  # 6x4 average pool
    assert published.output_shape == (None, 128)
    assert all(not layer.use_bias for layer in published.layers if isinstance(layer, tf.keras.layers.Conv2D))


def test_width_and_stem_stride_shrink_the_network(published):
    small = build_embedding(EmbeddingNetworkConfig(width=0.25, resnet=ResNetConfig(stem_stride=2)), SHAPE)
    # A quarter of the channels on a quarter of the positions: about 1/64 of the work.
    assert multiplications(small) == pytest.approx(multiplications(published) / 64, rel=0.2)
    assert small.get_layer("average_pool").input_shape[1:] == (3, 2, 512)


def test_blocks_are_those_of_each_stage():
    shallow = build_embedding(EmbeddingNetworkConfig(width=0.0625, resnet=ResNetConfig(blocks=(2, 1, 3, 1))), SHAPE)
    names = [layer.name for layer in shallow.layers if layer.name.endswith("_add")]
    blocks = [(1, 1), (1, 2), (2, 1), (3, 1), (3, 2), (3, 3), (4, 1)]
    assert names == [f"stage{stage}_block{block}_add" for stage, block in blocks]
    assert shallow.get_layer("average_pool").input_shape[1:] == (6, 4, 128)
    assert (
        shallow.name == "resnet23"
        and build_classifier(ClassifierNetworkConfig(width=0.01), SHAPE, 5).name == "resnet50_classifier"
    )
