"""The baseline of the papers: the input itself as the embedding (Jansen et al. 2018, section 4)."""

import tensorflow as tf

from audioset_triplet.frontend import constants


def build_log_mel() -> tf.keras.Model:
    """Log-mel windows [B, 96, 64] -> the same values, flattened and brought to unit length, [B, 6144]."""
    inputs = tf.keras.Input([constants.WINDOW_FRAMES, constants.NUM_BANDS], name="log_mel")
    x = tf.keras.layers.Flatten()(inputs)
    return tf.keras.Model(inputs, tf.keras.layers.UnitNormalization()(x), name="log_mel")
