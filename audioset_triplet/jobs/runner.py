"""Does the shards of a job that are still to be done, on the chosen runner, with a progress bar."""

import contextlib
import os
import signal
import sys
import threading
from typing import Any, Dict, Iterator, Sequence, TextIO

from audioset_triplet.config.runners import DIRECT, RunnerConfig
from audioset_triplet.errors import Interrupted
from audioset_triplet.jobs import processes, storage
from audioset_triplet.jobs.folder import Folder, Shard
from audioset_triplet.jobs.job import Job
from audioset_triplet.plurals import counted
from audioset_triplet.progress_bars import progress_bar

_POLL_SECONDS = 1.0
_STDERR = 2


def check(config: RunnerConfig, beam_options: Sequence[str]) -> None:
    """Refuses a runner or an option that does not exist, before any work.

    Raises:
        UserError: there is none, or Beam is not installed.
    """
    if config.runner != DIRECT or beam_options:
        from audioset_triplet.jobs import beam

        beam.make_options(config, beam_options)


def run(
    job: Job, shards: Sequence[Shard], config: RunnerConfig, beam_options: Sequence[str] = (), num_before: int = 0
) -> None:
    """Does shards: writes their plans, and has their files and reports written.

    SIGTERM ends it with exit code 143, SIGINT raises Interrupted: the workers end first, and nothing is half-written.

    Args:
        job: what is done.
        shards: those that are to be done.
        config: where.
        beam_options: arguments for Apache Beam.
        num_before: items of the job that are done already, for the progress bar.

    Raises:
        UserError: no such runner or option; what `job.do_shard` raises, in one line.
    """
    if not shards:
        return
    check(config, beam_options)
    job.folder.write_plans(shards)
    try:
        with _ending_on_sigterm(), _quiet() as stderr, _Bar(job, shards, num_before, stderr) as bar:
            names = [shard.name for shard in shards]
            if config.runner == DIRECT:
                workers = processes.Workers(config, tuple(beam_options), len(shards))
                for name in processes.do(job, names, workers, bar.show):
                    bar.complete(name)
            else:
                from audioset_triplet.jobs import beam

                with _following_reports(job.folder, names, bar):
                    beam.do(job, names, beam.make_options(config, beam_options))
    except KeyboardInterrupt as stop:
        raise Interrupted(_kept(job, shards, num_before)) from stop


def _kept(job: Job, shards: Sequence[Shard], num_before: int) -> str:
    """What an interrupted job keeps, in one line; of another machine it would take long to find out."""
    if storage.is_remote(job.folder.root):
        return "the same command goes on with what is left"
    done = num_before + sum(len(shard) for shard in shards if job.folder.is_done(shard.name, shard.digest))
    total = num_before + sum(map(len, shards))
    return f"{done} of {counted(total, job.unit)} done; the same command goes on with the others"


class _Bar:
    """A progress bar over the items of all shards; what was shown stays, where a shard is begun again."""

    def __init__(self, job: Job, shards: Sequence[Shard], num_before: int, stderr: TextIO) -> None:
        self._part = job.part
        self._num_items = {shard.name: len(shard) for shard in shards}
        self._items: Dict[str, int] = dict.fromkeys(self._num_items, 0)  # that are shown of each shard
        self._parts: Dict[str, int] = dict.fromkeys(self._num_items, 0)
        total = num_before + sum(self._num_items.values())
        self._bar = progress_bar(unit=f"{job.unit}s", total=total, initial=num_before, file=stderr)

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, name: str, num_items: int, num_parts: int) -> None:
        """So much of a shard is done, and it goes on."""
        new = max(0, min(num_items, self._num_items[name]) - self._items[name])
        self._items[name] += new
        self._parts[name] = max(num_parts, self._parts[name])
        if self._part:
            self._bar.set_postfix_str(f"{sum(self._parts.values()):,} {self._part}s", refresh=False)
        self._bar.update(new)
        self._bar.refresh()

    def complete(self, name: str) -> None:
        """A shard is done."""
        self.show(name, self._num_items[name], 0)


@contextlib.contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the program as SIGINT does: by an exception, so that workers end and the folder is released."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: Any) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _quiet() -> Iterator[TextIO]:
    """Gives the real stderr, and discards what libraries, Beam and workers log there: an error is an exception too.

    Workers are processes that inherit the file descriptor, hence not `contextlib.redirect_stderr`.
    """
    sys.stderr.flush()
    real = os.dup(_STDERR)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, _STDERR)
    try:
        with open(real, "w", encoding="utf-8", closefd=False) as stderr:
            yield stderr
    finally:
        os.dup2(real, _STDERR)
        os.close(real)
        os.close(null)


@contextlib.contextmanager
def _following_reports(folder: Folder, names: Sequence[str], bar: _Bar) -> Iterator[None]:
    """A progress bar that counts the reports as they appear."""
    ended = threading.Event()

    def follow() -> None:
        while not ended.wait(_POLL_SECONDS):
            with contextlib.suppress(OSError):  # the next time it may answer
                for name in folder.reported("*").intersection(names):
                    bar.complete(name)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    for name in names:
        bar.complete(name)
