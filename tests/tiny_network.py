"""Networks with the interface of the real ones that are built in no time and have no batch normalisation."""

import tensorflow as tf


def build_tiny_network(embedding_size: int = 8) -> tf.keras.Model:
    """Log-mel windows [B, 96, 64] -> unit embeddings [B, D]; the same weights every time."""
    inputs = tf.keras.Input([96, 64])
    x = tf.keras.layers.Flatten()(tf.keras.layers.AveragePooling1D(8)(inputs))
    x = tf.keras.layers.Dense(embedding_size, kernel_initializer=tf.keras.initializers.GlorotUniform(0))(x)
    return tf.keras.Model(inputs, tf.keras.layers.UnitNormalization()(x), name="tiny")


CLASS_NAMES = {2: "dog", 5: "church_bell", 6: "tölt", 9: "rain"}


def build_tiny_classifier(has_embedding: bool = True, seed: int = 1) -> tf.keras.Model:
    """Log-mel windows [B, 96, 64] -> scores [B, 4] of CLASS_NAMES, a softmax, and perhaps embeddings [B, 8]."""
    embedding = build_tiny_network()
    kernel = tf.keras.initializers.RandomNormal(stddev=4.0, seed=seed)
    scores = tf.keras.layers.Dense(len(CLASS_NAMES), "softmax", kernel_initializer=kernel)(embedding.output)
    outputs = {"scores": scores, "embedding": embedding.output} if has_embedding else {"scores": scores}
    return tf.keras.Model(embedding.input, outputs, name="tiny_classifier")
