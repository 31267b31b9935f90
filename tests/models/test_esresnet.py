import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.network import ClassifierNetworkConfig, EmbeddingNetworkConfig, ResNetConfig
from audioset_triplet.models import esresnet, networks
from audioset_triplet.models.networks import build_classifier, build_embedding
from audioset_triplet.models.scaled_layers import ScaledLayers
from tests.reference import attention as reference

ESC_50, SMALL = (394, 341, 3), (63, 85, 3)


def num_trainable(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


@pytest.mark.slow  # builds the network at its full width
def test_weights_are_as_many_as_those_of_the_authors():
    network = build_embedding(EmbeddingNetworkConfig(architecture="esresnet_attention"), SMALL)
    assert num_trainable(network) == 30_793_920  # with the 128 dimensions of Hornauer et al.
    units = [layer for layer in network.layers if layer.name.startswith("attention")]
    of_units = [sum(num_trainable(one) for one in units if one.name[9] == str(unit)) for unit in range(1, 6)]
    assert of_units == [17_408, 134_144, 529_408, 2_109_440, 4_233_216]
    backbone = num_trainable(network) - sum(of_units) - num_trainable(network.get_layer("embedding"))
    assert backbone == 23_508_032
    for classes, plain, with_attention in ((10, 23_528_522, 30_552_138), (50, 23_610_482, 30_634_098)):
        head = (2048 + 1) * classes
        assert (backbone + head, backbone + sum(of_units) + head) == (plain, with_attention)


def test_maps_are_those_of_the_authors_for_esc_50_and_urbansound8k():
    for shape, maps in (
        (ESC_50, [(197, 171), (99, 86), (50, 43), (25, 22), (13, 11)]),
        ((315, 341, 3), [(158, 171), (79, 86), (40, 43), (20, 22), (10, 11)]),
    ):
        network = build_classifier(ClassifierNetworkConfig(architecture="esresnet_attention", width=0.02), shape, 3)
        names = ["stem_relu", *(f"attention{stage}_product" for stage in range(1, 5))]
        assert [network.get_layer(name).output_shape[1:3] for name in names] == maps
        assert network.get_layer("average_pool").input_shape[1:3] == maps[-1]


def random_weights(layer, rng):
    weights = [
        rng.uniform(0.5, 1.5, weight.shape) * rng.choice([-1, 1], weight.shape) for weight in layer.get_weights()
    ]
    if isinstance(layer, tf.keras.layers.BatchNormalization):
        weights[3] = np.abs(weights[3])  # the variance
    layer.set_weights(weights)
    return layer.get_weights()


@pytest.mark.parametrize("size, kernel", [((13, 9), (1, 3)), ((14, 7), (5, 1)), ((1, 1), (5, 3)), ((6, 8), (1, 3))])
def test_the_attention_unit_is_the_oracle_s(size, kernel):
    height, width = -(-size[0] // 2), -(-size[1] // 2)  # frames, bands of what is multiplied
    inputs = tf.keras.Input([*size, 4])
    net = ScaledLayers(ClassifierNetworkConfig(), momentum=0.9)
    pooled = esresnet.adaptive_maximum(inputs, (height, width), "pool")
    network = tf.keras.Model(inputs, esresnet.attention(net, pooled, 6, kernel, "unit"))
    rng = np.random.default_rng(0)
    depthwise, pointwise, norm = (
        random_weights(network.get_layer(f"unit_{name}"), rng) for name in ("depthwise", "pointwise", "norm")
    )
    x = rng.normal(size=[2, *size, 4]).astype(np.float32)
    weights = {
        "depthwise": (depthwise[0][..., 0].transpose(2, 1, 0), depthwise[1]),
        "pointwise": (pointwise[0][0, 0].T, pointwise[1]),
        "norm": norm,
    }
    expected = reference.unit(x.transpose(0, 3, 2, 1), (width, height), weights)
    np.testing.assert_allclose(network(x), expected.transpose(0, 3, 2, 1), atol=1e-5)


@pytest.mark.parametrize("size", [(86, 99), (43, 50), (22, 25), (11, 13), (1, 2), (3, 1)])
def test_the_maximum_is_that_of_pytorch(size):
    target = tuple(-(-side // 2) for side in size)
    x = np.random.default_rng(0).normal(size=[1, *size, 2]).astype(np.float32) - 5  # padding with zeros would show
    expected = reference.adaptive_maximum(x.transpose(0, 3, 1, 2), target).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(
        esresnet.adaptive_maximum(tf.constant(x), target, "pool"), expected.astype(np.float32)
    )
    assert esresnet.adaptive_maximum(x, size, "pool") is x


def test_the_products_go_to_the_next_stage_and_the_next_unit():
    config = ClassifierNetworkConfig(
        architecture="esresnet_attention", width=0.05, resnet=ResNetConfig(blocks=(1, 1, 1, 1))
    )
    network = build_classifier(config, SMALL, 3)
    x = np.random.default_rng(0).normal(size=[2, *SMALL]).astype(np.float32)
    names = [
        "stage4_block1_relu",
        "attention4_sigmoid",
        "attention4_product",
        "attention5_sigmoid",
        "attention5_product",
    ]
    outputs = tf.keras.Model(network.input, [network.get_layer(name).output for name in names])(x)
    stage, factors, product, last_factors, last = (output.numpy() for output in outputs)
    np.testing.assert_allclose(product, stage * factors, rtol=1e-6)
    np.testing.assert_allclose(last, product.mean(axis=(1, 2)) * last_factors[:, 0, 0], rtol=1e-4, atol=1e-6)
    assert (
        network.get_layer("stage4_block1_reduce_conv").input.name == network.get_layer("attention3_product").output.name
    )
    pooled = network.get_layer("attention4_pool").input
    assert pooled.name == network.get_layer("attention3_product").output.name
    assert network.name == "esresnet_attention14_classifier"


def test_padding_is_the_same_on_all_sides():
    # At an even size "same" pads the end alone: an impulse in the first place would be seen by the first output alone.
    network = build_classifier(ClassifierNetworkConfig(architecture="esresnet", width=0.02), (64, 64, 3), 3)
    stem = network.get_layer("stem_conv")
    kernel = np.arange(49, dtype=np.float32).reshape(7, 7)
    stem.set_weights([np.tile(kernel[:, :, None, None], [1, 1, 3, stem.filters]) / 3])
    impulse = np.zeros([1, 64, 64, 3], np.float32)
    impulse[0, 0, 0] = 1
    out = tf.keras.Model(network.input, stem.output)(impulse).numpy()[0, :, :, 0]
    # Output (i, j) begins at sample (2 i - 3, 2 j - 3): it sees the impulse at kernel place (3 - 2 i, 3 - 2 j).
    np.testing.assert_allclose(
        out[:3, :3], [[kernel[3, 3], kernel[3, 1], 0], [kernel[1, 3], kernel[1, 1], 0], [0, 0, 0]]
    )


def test_initial_weights_are_those_of_pytorch():
    network = build_classifier(ClassifierNetworkConfig(architecture="esresnet_attention", width=0.25), SMALL, 3)
    first, second = (network.get_layer(f"stage3_block{block}_spatial_conv").kernel.numpy() for block in (2, 3))
    bound = (9 * first.shape[2]) ** -0.5
    assert np.abs(first).max() <= bound and first.std() == pytest.approx(bound / 3**0.5, rel=0.02)
    assert not np.array_equal(first, second)
    kernel, bias = network.get_layer("attention2_depthwise").get_weights()
    assert 0.8 * 5**-0.5 < max(np.abs(kernel).max(), np.abs(bias).max()) <= 5**-0.5
    norm = network.get_layer("stem_norm")
    assert (norm.momentum, norm.epsilon) == (0.9, 1e-5)


def test_channels_of_stereo_pass_one_after_the_other_and_their_features_are_summed():
    config = dict(architecture="esresnet_attention", width=0.05, resnet=ResNetConfig(blocks=(1, 1, 1, 1)))
    stereo = build_embedding(EmbeddingNetworkConfig(**config, embedding_size=8), (2, *SMALL))
    mono = build_embedding(EmbeddingNetworkConfig(**config, embedding_size=8), SMALL)
    assert num_trainable(stereo) == num_trainable(mono) and stereo.name == mono.name
    mono.set_weights(stereo.get_weights())
    features = tf.keras.Model(mono.input, mono.get_layer("embedding").input)
    x = np.random.default_rng(0).normal(size=[4, 2, *SMALL]).astype(np.float32)
    total = features(x[:, 0]).numpy() + features(x[:, 1]).numpy()
    summed = tf.keras.Model(stereo.input, stereo.get_layer("embedding").input)
    np.testing.assert_allclose(summed(x), total, rtol=1e-4, atol=1e-5)
    # In training each pass has statistics of its own, and moves the averages.
    summed(x, training=True)
    for channel in range(2):
        features(x[:, channel], training=True)
    for updated, expected in zip(stereo.get_weights(), mono.get_weights()):
        np.testing.assert_allclose(updated, expected, rtol=1e-3, atol=1e-4)


def test_clips_of_a_tenth_of_a_second_and_of_thirty_have_finite_features():
    for frames in (8, 2359):
        config = EmbeddingNetworkConfig(
            architecture="esresnet_attention", width=0.02, resnet=ResNetConfig(blocks=(1, 1, 1, 1)), embedding_size=4
        )
        network = build_embedding(config, (frames, 341, 3))
        assert np.isfinite(network(np.full([1, frames, 341, 3], -180, np.float32))).all()


def test_what_no_network_takes_is_one_clear_line():
    with pytest.raises(
        networks.UserError, match="--architecture=esresnet takes any x any x any, not 2 x 2 x 5 x 6 x 3"
    ):
        build_classifier(ClassifierNetworkConfig(architecture="esresnet"), (2, 2, 5, 6, 3), 3)
