import pytest
import tensorflow as tf

from audioset_triplet.models import sizes
from audioset_triplet.models.sizes import Size

layers = tf.keras.layers


def test_kernels_are_counted_and_multiplied_with_each_position_of_the_output():
    inputs = tf.keras.Input([8, 6, 2])
    x = layers.Conv2D(3, (5, 1), 2, padding="same", name="a")(inputs)  # 5 x 1 x 2 x 3 weights at 4 x 3 positions
    x = layers.BatchNormalization()(x)
    x = layers.DepthwiseConv2D(3, name="b")(x)  # 3 x 3 x 3 weights at 2 x 1 positions
    x = layers.Flatten()(x)
    inner_inputs = tf.keras.Input([6])
    inner = tf.keras.Model(inner_inputs, layers.Dense(4, name="c")(inner_inputs))  # 6 x 4 weights
    network = tf.keras.Model(inputs, inner(x))
    assert sizes.of(network) == Size(3, 30 + 27 + 24, 30 * 12 + 27 * 2 + 24)


def test_a_submodel_that_is_called_twice_multiplies_twice():
    inner_inputs = tf.keras.Input([4, 4, 1])
    inner = tf.keras.Model(inner_inputs, layers.Conv2D(2, 3, padding="same")(inner_inputs))
    inputs = tf.keras.Input([2, 4, 4, 1])
    network = tf.keras.Model(inputs, layers.Add()([inner(inputs[:, 0]), inner(inputs[:, 1])]))
    assert sizes.of(network) == Size(1, 18, 2 * 18 * 16)


@pytest.mark.parametrize(
    "printed, number, count, expected",
    [("11.2M", 11.2e6, 11_237_087, "11.2M"), ("30M", 30e6, 29_770_816, "30M"), ("1.9B", 1.9e9, 1_849_000_000, "1.8B")],
)
def test_a_count_is_written_with_the_digits_of_another(printed, number, count, expected):
    assert sizes.number_of(printed) == pytest.approx(number)
    assert sizes.printed_like(count, printed) == expected
