"""One process at a time works on a table: its rows share folders, which have one writer."""

import contextlib
import fcntl
import os
from typing import Iterator

from audioset_triplet import distribution
from audioset_triplet.errors import UserError


@contextlib.contextmanager
def alone(output: str) -> Iterator[None]:
    """Holds OUTPUT/.lock, which the kernel releases when the process ends, however it ends.

    Raises:
        UserError: another process holds it, or this one is one of several workers.
    """
    if distribution.num_workers() > 1:
        raise UserError("a table is made by one process, not by the workers of TF_CONFIG: unset it; several GPUs do.")
    os.makedirs(output, exist_ok=True)
    with open(os.path.join(output, ".lock"), "w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"{output}: another process is at work on this table: wait for it, or give another --output."
            ) from error
        yield
