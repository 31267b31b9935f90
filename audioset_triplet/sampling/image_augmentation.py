"""Ways to alter a picture without altering what is shown (Arandjelović & Zisserman 2017, section 3.1).

Nothing of this is known of Jansen et al. 2020. Without it a network that sees a few hundred videos again and again
learns them by heart: which wall belongs to which noise.
"""

import tensorflow as tf

_SMALLEST_SIDE = 0.7  # of a cut, in parts of the picture's side
_BRIGHTNESS = 0.2  # added or taken away at most, in parts of the whole range
_SATURATION = (0.6, 1.4)


def alter(picture: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """A square cut of a picture at the size of the whole, mirrored or not, in other light and colours.

    Args:
        picture: uint8 [S, S, 3], RGB; S static.
        seed: int [2]; the same seed gives the same changes.

    Returns:
        uint8 [S, S, 3].
    """
    size = picture.shape[0]
    cut_seed, place_seed, mirror_seed, light_seed, colour_seed = tf.unstack(
        tf.random.experimental.stateless_split(seed, 5)
    )
    side = tf.random.stateless_uniform([], cut_seed, _SMALLEST_SIDE, 1.0)
    corner = (1.0 - side) * tf.random.stateless_uniform([2], place_seed)
    box = tf.concat([corner, corner + side], 0)
    x = tf.image.crop_and_resize(picture[tf.newaxis], box[tf.newaxis], [0], [size, size])[0] / 255.0
    x = tf.image.stateless_random_flip_left_right(x, mirror_seed)
    x = tf.image.stateless_random_brightness(x, _BRIGHTNESS, light_seed)
    x = tf.image.stateless_random_saturation(tf.clip_by_value(x, 0.0, 1.0), *_SATURATION, colour_seed)
    return tf.cast(tf.round(255.0 * tf.clip_by_value(x, 0.0, 1.0)), tf.uint8)
