"""Does the shards of a job that are still to be done, on the chosen runner, with a progress bar."""

import contextlib
import os
import signal
import sys
import threading
from typing import Any, Iterator, Mapping, Sequence, TextIO

from tqdm import tqdm

from audioset_triplet.config.runners import DIRECT, RunnerConfig
from audioset_triplet.jobs import processes
from audioset_triplet.jobs.folder import Folder, Shard
from audioset_triplet.jobs.job import Job

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


def run(job: Job, shards: Sequence[Shard], config: RunnerConfig, beam_options: Sequence[str] = ()) -> None:
    """Does shards: writes their plans, and has their files and reports written.

    SIGTERM ends it with exit code 143, SIGINT raises KeyboardInterrupt: the workers end first, and nothing is
    half-written.

    Raises:
        UserError: no such runner or option; what `job.do_shard` raises, in one line.
    """
    if not shards:
        return
    check(config, beam_options)
    job.folder.write_plans(shards)
    num_items = {shard.name: len(shard) for shard in shards}
    with _ending_on_sigterm(), _quiet() as stderr:
        with tqdm(total=sum(num_items.values()), unit=f" {job.unit}s", file=stderr, disable=None) as bar:
            if config.runner == DIRECT:
                workers = processes.Workers(config, tuple(beam_options), len(shards))
                for name in processes.do(job, list(num_items), workers):
                    bar.update(num_items[name])
            else:
                from audioset_triplet.jobs import beam

                with _following_reports(job.folder, num_items, bar):
                    beam.do(job, list(num_items), beam.make_options(config, beam_options))


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
def _following_reports(folder: Folder, num_items: Mapping[str, int], bar: tqdm) -> Iterator[None]:
    """A progress bar that counts the reports as they appear."""
    ended = threading.Event()

    def follow() -> None:
        while not ended.wait(_POLL_SECONDS):
            with contextlib.suppress(OSError):  # the next time it may answer
                reported = folder.reported("*")
                bar.update(sum(num for name, num in num_items.items() if name in reported) - bar.n)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
        bar.update(bar.total - bar.n)
    finally:
        ended.set()
        thread.join()
