"""Unsupervised learning of semantic audio representations, on TensorFlow."""

# Before the first use of `tf.keras`, which it makes Keras 2.
import audioset_triplet.compat  # noqa: F401

__version__ = "0.1.0"
