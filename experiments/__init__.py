"""Programs: flags -> config -> one call into the library."""

# Before TensorFlow, which reads how much it is to log when it is imported.
import audioset_triplet.command_line  # noqa: F401
