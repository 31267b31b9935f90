"""Programs: raw data -> records."""

# Before TensorFlow, which reads how much it is to log when it is imported.
import audioset_triplet.command_line  # noqa: F401
