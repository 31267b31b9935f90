"""Unsupervised learning of semantic audio representations, on TensorFlow."""

__version__ = "0.1.0"
