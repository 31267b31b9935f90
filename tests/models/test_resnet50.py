import pytest
import tensorflow as tf

from audioset_triplet.config.network import EmbeddingNetworkConfig, ResNetConfig
from audioset_triplet.models import sizes
from audioset_triplet.models.networks import build_embedding

SHAPE = (96, 64)


@pytest.fixture(scope="module")
def narrow():
    """The published network, but for a sixteenth of its channels."""
    return build_embedding(EmbeddingNetworkConfig(width=0.0625), SHAPE)


def test_published_geometry(narrow):
    assert narrow.get_layer("stem_conv").output_shape[1:] == (96, 64, 4)  # no stride in the first 7x7
    assert narrow.get_layer("average_pool").input_shape[1:] == (6, 4, 128)  # 6x4 average pool
    assert narrow.output_shape == (None, 128)
    convolutions = [layer for layer in narrow.layers if isinstance(layer, tf.keras.layers.Conv2D)]
    assert len(convolutions) == 53 and all(not layer.use_bias for layer in convolutions)


def test_stem_stride_shrinks_the_network(narrow):
    small = build_embedding(EmbeddingNetworkConfig(width=0.0625, resnet=ResNetConfig(stem_stride=2)), SHAPE)
    expected = sizes.of(narrow).multiplications / 4  # on a quarter of the positions
    assert sizes.of(small).multiplications == pytest.approx(expected, rel=0.05)
    assert small.get_layer("average_pool").input_shape[1:] == (3, 2, 128)


def test_blocks_are_those_of_each_stage(narrow):
    shallow = build_embedding(EmbeddingNetworkConfig(width=0.0625, resnet=ResNetConfig(blocks=(2, 1, 3, 1))), SHAPE)
    names = [layer.name for layer in shallow.layers if layer.name.endswith("_add")]
    blocks = [(1, 1), (1, 2), (2, 1), (3, 1), (3, 2), (3, 3), (4, 1)]
    assert names == [f"stage{stage}_block{block}_add" for stage, block in blocks]
    assert shallow.get_layer("average_pool").input_shape[1:] == (6, 4, 128)
    assert (shallow.name, narrow.name) == ("resnet23", "resnet50")
