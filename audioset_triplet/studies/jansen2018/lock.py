"""One process at a time works on a table: its rows share folders, which have one writer."""

import contextlib
import os
from typing import Iterator

from audioset_triplet import distribution, files
from audioset_triplet.errors import UserError


@contextlib.contextmanager
def alone(output: str) -> Iterator[None]:
    """Holds the folder of the table.

    Raises:
        UserError: another process holds it, or this one is one of several workers.
    """
    if distribution.num_workers() > 1:
        raise UserError("a table is made by one process, not by the workers of TF_CONFIG: unset it; several GPUs do.")
    os.makedirs(output, exist_ok=True)
    with files.held_alone(output, "is at work on this table"):
        yield
