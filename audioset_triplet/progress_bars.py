"""The one progress bar of long work: a bar on a terminal; in a log file or CI a plain line from time to time."""

import contextlib
import math
import os
import sys
from typing import Any, Dict, Iterable, Optional, TextIO

from tqdm import tqdm

LOG_SECONDS = 30.0  # between two lines; work that takes less has none


def progress_bar(
    items: Optional[Iterable] = None,
    name: str = "",
    unit: str = "",
    total: Optional[int] = None,
    file: Optional[TextIO] = None,
    **options: Any,
) -> tqdm:
    """A bar over items, or one to `update`.

    Args:
        items: what is gone through; None: the caller counts.
        name: of the work.
        unit: what is counted, in the plural.
        total: how many there are; None: as many as the items, where that is known.
        file: in place of stderr.
        options: others of tqdm's.
    """
    stream = file or sys.stderr
    bar = tqdm if stream.isatty() else _Lines
    units = {"unit": f" {unit}"} if unit else {}
    return bar(items, name, total, file=stream, **_size(stream), **units, **options)


def _size(stream: TextIO) -> Dict[str, Any]:
    """That of the terminal at any time; a usual one where it says none, in which tqdm would show nothing."""
    with contextlib.suppress(OSError):
        if os.get_terminal_size(stream.fileno()).columns:
            return {"dynamic_ncols": True}
    return {"ncols": 80, "nrows": 24}


class _Lines(tqdm):
    """Lines such as "scores: 1,200 of 4,000 clips, 01:30 so far, 03:30 left"."""

    disable: bool

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._written = -math.inf
        super().__init__(
            *arguments, **options, mininterval=LOG_SECONDS, maxinterval=math.inf, miniters=1, delay=LOG_SECONDS
        )

    def display(self, msg: Optional[str] = None, pos: Optional[int] = None) -> None:
        """Writes a line, unless there was one a moment ago."""
        now = self._time()
        if self.format_dict["elapsed"] >= LOG_SECONDS and now - self._written >= LOG_SECONDS:
            self._written = now
            self.fp.write(f"{self._text()}\n")
            self.fp.flush()

    def close(self) -> None:
        """Ends it; there is no bar to clear."""
        if not self.disable:
            self.disable = True
            self._decr_instances(self)

    def _text(self) -> str:
        known = self.format_dict
        name = known["prefix"] and f"{known['prefix'].rstrip(': ')}: "
        total = f" of {known['total']:,.0f}" if known["total"] else ""
        unit = "" if known["unit"] == "it" else known["unit"]
        texts = [f"{name}{known['n']:,.0f}{total}{unit}"]
        texts.append(f"{self.format_interval(known['elapsed'])} so far")
        new = known["n"] - known["initial"]
        if known["total"] and new:
            left = known["elapsed"] * (known["total"] - known["n"]) / new
            texts.append(f"{self.format_interval(left)} left")
        return ", ".join([*texts, known["postfix"]] if known["postfix"] else texts)
