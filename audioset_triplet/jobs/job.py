"""What a job is: a function that does one shard, in a folder, by any process."""

import dataclasses
import sys
import traceback
from typing import Any, Callable

from audioset_triplet.errors import UserError
from audioset_triplet.jobs import gpus
from audioset_triplet.jobs.folder import Folder


@dataclasses.dataclass(frozen=True)
class Job:
    """A job; it goes to workers by pickle.

    `do_shard(folder, name)` reads the plan of a shard, writes its file and then its report, and does nothing if both
    exist already: a runner may repeat any work, and two workers may do a shard at once.
    """

    folder: Folder
    do_shard: Callable[[Folder, str], Any]
    unit: str = "clip"  # of the items, for the progress bar
    uses_gpu: bool = False
    most_workers: int = sys.maxsize  # processes for which there is enough to do, unless more are requested

    def error_of(self, name: str) -> str:
        """Does a shard; returns one line about what failed, or an empty one."""
        try:
            self.do_shard(self.folder, name)
        except Exception as error:  # a worker must go on, and not every exception can be pickled
            return error_line(error)
        return ""

    def claim_gpu(self) -> str:
        """Claims a GPU for this process; returns one line about what failed, or an empty one."""
        try:
            if self.uses_gpu:
                gpus.claim()
        except UserError as error:
            return error_line(error)
        return ""


def error_line(error: BaseException) -> str:
    """An exception as one line: what a UserError says, else its kind and its text."""
    if isinstance(error, (UserError, OSError)):
        return " ".join(str(error).split()) or repr(error)
    return " ".join("".join(traceback.format_exception_only(type(error), error)).split())
