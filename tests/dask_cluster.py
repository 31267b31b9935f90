"""A Dask cluster of two workers on this machine."""

import contextlib
import pathlib
import socket
from typing import Iterator

from tests import processes


@contextlib.contextmanager
def running(folder: pathlib.Path) -> Iterator[str]:
    """A scheduler and two workers, each a process; gives the scheduler's address once both are there."""
    from distributed import Client

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    worker = [
        "worker",
        f"tcp://{address}",
        "--nthreads=1",
        "--no-nanny",
        "--no-dashboard",
        f"--local-directory={folder}",
    ]
    scheduler = ["scheduler", "--host=127.0.0.1", f"--port={address.split(':')[1]}", "--no-dashboard"]
    with contextlib.ExitStack() as stack:
        for arguments in (scheduler, worker, worker):
            stack.callback(processes.Program("dask", *arguments).kill)
        with Client(f"tcp://{address}", timeout=60) as client:
            client.wait_for_workers(2, timeout=60)
        yield f"tcp://{address}"
