"""The libraries that the processes of programs start with (tests/processes.py): the fork server imports this module."""

import os

# TensorFlow reads it when it is first imported; this is the level that the programs choose for themselves.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import librosa  # noqa: E402, F401
import matplotlib.figure  # noqa: E402, F401
import pyarrow.parquet  # noqa: E402, F401
import sklearn.metrics  # noqa: E402, F401
import tensorflow as tf  # noqa: E402

tf.keras.layers  # noqa: B018  (TensorFlow imports Keras when it is first asked for)
