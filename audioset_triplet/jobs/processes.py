"""The direct runner: shards are done by processes of this machine, each of which takes the next one when it is free.

The processes are new ones, not forks, so that libraries with threads may be in use here. They end with this process,
however that ends. Beam's own local runner has neither: it hangs when its main process is interrupted, and gives each
worker its share of the shards at once.
"""

import contextlib
import dataclasses
import functools
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Callable, Dict, Iterator, Sequence, Tuple, Union, cast

from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.errors import UserError
from audioset_triplet.jobs import gpus
from audioset_triplet.jobs.job import Job

_GRACE_SECONDS = 5.0

# Is told how many items of a shard, and how many parts of items, are done so far.
Show = Callable[[str, int, int], object]
# What a worker sends: how much of a shard is done, and at its end what failed in one line, or an empty one.
_Message = Union[Tuple[int, int], str]


@dataclasses.dataclass(frozen=True)
class Workers:
    """Who does the shards."""

    config: RunnerConfig
    beam_options: Tuple[str, ...]  # of the file systems
    most: int  # there is no work for more

    def number(self, job: Job) -> int:
        """How many processes: as requested, or one per GPU where they use GPUs, else one per core, if it is worth it.

        Raises:
            UserError: more are requested than there are GPUs.
        """
        requested, num_gpus = self.config.num_workers, len(gpus.visible()) if job.uses_gpu else 0
        if num_gpus and requested > num_gpus:
            raise UserError(f"--num_workers={requested}: each process needs its own GPU, and {num_gpus} are here.")
        return max(1, min(requested or min(num_gpus or num_cores(), job.most_workers), self.most))


def do(job: Job, names: Sequence[str], workers: Workers, show: Show) -> Iterator[str]:
    """Does shards in processes of their own; yields the names of those that are done, in any order.

    One process is this one, unless it is to claim a GPU. `show` is told of the others meanwhile.

    Raises:
        UserError: a shard cannot be done, or a process was killed; the others are then stopped.
    """
    if workers.number(job) == 1 and not (job.uses_gpu and gpus.visible()):
        for name in names:
            _require_done(job.error_of(name, functools.partial(show, name)))
            yield name
    else:
        yield from _in_processes(job, names, workers, show)


def num_cores() -> int:
    """The CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_processes(job: Job, names: Sequence[str], workers: Workers, show: Show) -> Iterator[str]:
    todo = list(reversed(names))
    busy: Dict[Connection, str] = {}
    with _started(job, workers) as processes:
        free = list(processes)
        while todo or busy:
            while todo and free:
                connection = free.pop()
                busy[connection] = todo.pop()
                with contextlib.suppress(OSError):  # it has ended: below
                    connection.send(busy[connection])
            for ready in multiprocessing.connection.wait(list(busy)):
                connection = cast(Connection, ready)
                name = busy[connection]
                try:
                    message: _Message = connection.recv()
                except (EOFError, OSError) as error:
                    processes[connection].join(_GRACE_SECONDS)
                    raise UserError(_killed(name, processes[connection])) from error
                if isinstance(message, tuple):
                    show(name, *message)
                    continue
                _require_done(message)
                del busy[connection]
                free.append(connection)
                yield name


def _require_done(error: str) -> None:
    if error:
        raise UserError(error)


def _killed(name: str, process: BaseProcess) -> str:
    code = process.exitcode
    how = f"by {signal.Signals(-code).name}" if code is not None and code < 0 else f"with exit code {code}"
    memory = " (the system may be out of memory: try fewer --num_workers)" if code == -signal.SIGKILL else ""
    return f"{name}: a worker process was ended {how}{memory}; the same command goes on with what is left."


@contextlib.contextmanager
def _started(job: Job, workers: Workers) -> Iterator[Dict[Connection, BaseProcess]]:
    """Processes that do the shards whose names they are sent, and send an error or nothing; killed at the end."""
    context = multiprocessing.get_context("spawn")
    processes: Dict[Connection, BaseProcess] = {}
    number = workers.number(job)
    threads = str(max(1, num_cores() // number))  # of TensorFlow and its like, in each
    try:
        with _environment(OMP_NUM_THREADS=threads, TF_NUM_INTRAOP_THREADS=threads):
            for _ in range(number):
                ours, theirs = context.Pipe()
                processes[ours] = context.Process(target=_work, args=(theirs, job, workers), daemon=True)
                processes[ours].start()
                theirs.close()
        yield processes
    finally:
        for process in processes.values():
            if process.pid:
                process.kill()
                process.join()
        for connection in processes:
            connection.close()


def _work(connection: Connection, job: Job, workers: Workers) -> None:
    """In a worker: does one shard after the other, until its parent hangs up or ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: for the parent, which then ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if workers.beam_options:
        from audioset_triplet.jobs import beam

        beam.make_options(workers.config, workers.beam_options)
    claimed = job.claim_gpu()
    with contextlib.suppress(EOFError, OSError):
        while True:
            name = connection.recv()
            connection.send(claimed or job.error_of(name, lambda *done: connection.send(done)))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextlib.contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Environment variables for processes that start in the block; those that are set already stay as they are."""
    added = {key: value for key, value in variables.items() if key not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for key in added:
            os.environ.pop(key, None)
