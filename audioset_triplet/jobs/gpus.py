"""The GPUs of this machine, one for each process: a process claims one by a lock file, and does not see the others.

A claim ends with its process, and is to be made before the first use of a GPU.
"""

import contextlib
import fcntl
import glob
import os
import tempfile
from typing import List

from audioset_triplet.errors import UserError

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_held: List[int] = []  # file descriptors of the locks of this process


def visible() -> List[str]:
    """The GPUs that a process may use: those that CUDA_VISIBLE_DEVICES names, else the indices of all."""
    if _VISIBLE in os.environ:
        # As CUDA reads it: what follows an index that does not exist is hidden, and -1 does not exist.
        devices: List[str] = []
        for device in os.environ[_VISIBLE].split(","):
            if not device.strip() or device.strip().startswith("-"):
                break
            devices.append(device.strip())
        return devices
    return [str(index) for index in range(len(glob.glob("/dev/nvidia[0-9]*")))]


def claim() -> None:
    """Makes one GPU that no other process has claimed the only one of this process; does nothing without GPUs.

    Raises:
        UserError: all of them are claimed.
    """
    devices = visible()
    if not devices or _held:
        return
    for device in devices:
        path = os.path.join(tempfile.gettempdir(), f"audioset-triplet-gpu-{device.replace('/', '-')}.lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        _held.append(descriptor)
        os.environ[_VISIBLE] = device
        return
    raise UserError(
        f"each of the {len(devices)} GPUs here is in use by another worker: start at most one worker for each."
    )


def leave_to_workers() -> None:
    """Keeps TensorFlow in this process away from the GPUs, each of which a worker is to claim."""
    if visible() and not _held:
        import tensorflow as tf

        with contextlib.suppress(RuntimeError):  # it uses one already
            tf.config.set_visible_devices([], "GPU")
