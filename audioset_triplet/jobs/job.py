"""What a job is: a function that does one shard, in a folder, by any process."""

import dataclasses
import sys
import time
import traceback
from typing import Any, Callable, Tuple

from audioset_triplet.errors import UserError
from audioset_triplet.jobs import gpus
from audioset_triplet.jobs.folder import Folder

_SECONDS_BETWEEN = 0.2  # two signs of progress

# Is told how many items of a shard, and how many parts of items, are done so far.
Show = Callable[[int, int], object]


def show_nothing(num_items: int, num_parts: int) -> None:
    """A `Show` for those who do not look."""


class Progress:
    """Tells how much of a shard is done, but not at every call."""

    def __init__(self, show: Show = show_nothing) -> None:
        self._show, self._due = show, 0.0
        self._last: Tuple[int, int] = (0, 0)

    def __call__(self, num_items: int, num_parts: int = 0) -> None:
        """The items that are done so far, and the parts of items (`Job.part`)."""
        self._last = num_items, num_parts
        if time.monotonic() >= self._due:
            self.tell()

    def tell(self) -> None:
        """Tells the last numbers."""
        self._due = time.monotonic() + _SECONDS_BETWEEN
        self._show(*self._last)


@dataclasses.dataclass(frozen=True)
class Job:
    """A job; it goes to workers by pickle.

    `do_shard(folder, name, progress)` reads the plan of a shard, writes its file and then its report, and does nothing
    if both exist already: a runner may repeat any work, and two workers may do a shard at once.
    """

    folder: Folder
    do_shard: Callable[[Folder, str, Progress], Any]
    unit: str = "clip"  # of the items, for the progress bar
    part: str = ""  # of an item, which may be large
    uses_gpu: bool = False
    most_workers: int = sys.maxsize  # processes for which there is enough to do, unless more are requested

    def error_of(self, name: str, show: Show = show_nothing) -> str:
        """Does a shard; returns one line about what failed, or an empty one."""
        progress = Progress(show)
        try:
            self.do_shard(self.folder, name, progress)
            progress.tell()
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
