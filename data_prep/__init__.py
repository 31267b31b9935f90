"""Programs: raw data -> records."""

import logging

# Before TensorFlow, which reads how much it is to log when it is imported.
import audioset_triplet.command_line  # noqa: F401

# Apache Beam says so whenever it is imported without what reads BigQuery.
logging.getLogger().addFilter(lambda record: "apitools not found" not in record.getMessage())
