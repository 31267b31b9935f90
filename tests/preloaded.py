"""The libraries that the processes of programs start with (tests/processes.py): the fork server imports this module."""

import gc
import os

from audioset_triplet import compat

# As the programs do for themselves, and not at the level of the tests.
os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)
compat.quiet_tensorflow()

import matplotlib.figure  # noqa: E402, F401
import pyarrow.parquet  # noqa: E402, F401
import sklearn.metrics  # noqa: E402, F401
import tensorflow as tf  # noqa: E402

tf.keras.layers  # noqa: B018  (TensorFlow imports Keras when it is first asked for)

# A collection in a fork would go through all of this, 370,000 objects, and copy its pages.
gc.freeze()
