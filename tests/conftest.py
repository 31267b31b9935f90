"""What every test runs under: no network outside this machine, and a quiet TensorFlow."""

import gc
import os
import socket
from typing import Any, Callable

import hypothesis
import pytest

import audioset_triplet  # noqa: F401  (before TensorFlow: it chooses its Keras)

# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# Read by TensorFlow when it is first imported, which is after this file.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Read by OpenMP when scikit-learn is first imported: its waiting threads would take the cores from other tests.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Takes what the imports have made, and what stays, out of every later garbage collection."""
    gc.freeze()


_LOOPBACK = ("localhost", "127.", "::1", "0.0.0.0")


def _only_loopback(function: Callable, host_of: Callable) -> Callable:
    def guarded(*arguments: Any, **options: Any) -> Any:
        host = host_of(*arguments)
        if isinstance(host, str) and host and not host.startswith(_LOOPBACK):
            raise RuntimeError(f"a test tried to reach {host}: tests use no network outside this machine")
        return function(*arguments, **options)

    return guarded


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuses connections and name look-ups outside loopback; sockets in the file system stay open."""
    for method in ("connect", "connect_ex"):
        guarded = _only_loopback(
            getattr(socket.socket, method), lambda _, address: address[0] if isinstance(address, tuple) else None
        )
        monkeypatch.setattr(socket.socket, method, guarded)
    monkeypatch.setattr(socket, "getaddrinfo", _only_loopback(socket.getaddrinfo, lambda host, *_: host))
