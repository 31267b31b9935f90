"""Augmentation of images: crop, flip, brightness, saturation (Arandjelović & Zisserman 2017, section 3.1).

Jansen et al. 2020 mention none. Without it a network that sees a few hundred videos again and again overfits to them.
"""

import tensorflow as tf

_SMALLEST_SIDE = 0.7  # of a crop, as a share of the image's side
_BRIGHTNESS = 0.2  # largest change, as a share of the whole range
_SATURATION = (0.6, 1.4)


def augment(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """A random square crop of an image, scaled to the image's size, mirrored or not, with other brightness and colours.

    Args:
        image: uint8 [S, S, 3], RGB; S static.
        seed: int [2]; the same seed gives the same changes.

    Returns:
        uint8 [S, S, 3].
    """
    size = image.shape[0]
    side_seed, corner_seed, flip_seed, brightness_seed, saturation_seed = tf.unstack(
        tf.random.experimental.stateless_split(seed, 5)
    )
    side = tf.random.stateless_uniform([], side_seed, _SMALLEST_SIDE, 1.0)
    corner = (1.0 - side) * tf.random.stateless_uniform([2], corner_seed)
    box = tf.concat([corner, corner + side], 0)
    x = tf.image.crop_and_resize(image[tf.newaxis], box[tf.newaxis], [0], [size, size])[0] / 255.0
    x = tf.image.stateless_random_flip_left_right(x, flip_seed)
    x = tf.image.stateless_random_brightness(x, _BRIGHTNESS, brightness_seed)
    x = tf.image.stateless_random_saturation(tf.clip_by_value(x, 0.0, 1.0), *_SATURATION, saturation_seed)
    return tf.cast(tf.round(255.0 * tf.clip_by_value(x, 0.0, 1.0)), tf.uint8)
