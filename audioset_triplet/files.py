"""Files and folders that appear under their name only when they are whole, and have one writer at a time."""

import contextlib
import fcntl
import json
import os
import shutil
from typing import Any, Iterable, Iterator

from audioset_triplet.errors import UserError


@contextlib.contextmanager
def atomic_path(path: str) -> Iterator[str]:
    """A temporary path beside `path`; renamed to it when the block ends, removed when the block raises.

    For a file, which replaces an older one, or a folder, which replaces an empty one only.
    """
    temporary = f"{path}.tmp-{os.getpid()}"
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        if os.path.isdir(temporary):
            shutil.rmtree(temporary)
        elif os.path.exists(temporary):
            os.remove(temporary)


def is_newer(path: str, made_from: Iterable[str]) -> bool:
    """Whether there is a file that is not older than any of those that it is made from."""
    return os.path.exists(path) and os.path.getmtime(path) >= max(map(os.path.getmtime, made_from))


def write_text(path: str, text: str) -> None:
    """Writes a text file so that a reader sees the old one or the whole new one."""
    with atomic_path(path) as temporary:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)


def write_json(path: str, values: Any) -> None:
    """Writes a JSON file, as `write_text` does."""
    write_text(path, json.dumps(values, indent=2) + "\n")


def read_json(path: str) -> Any:
    """Reads a JSON file.

    Raises:
        FileNotFoundError: there is none.
        UserError: it is damaged.
    """
    with open(path, encoding="utf-8") as file:
        try:
            return json.load(file)
        except ValueError as error:
            raise UserError(f"{path}: damaged ({error}).") from error


@contextlib.contextmanager
def held_alone(folder: str, work: str) -> Iterator[None]:
    """Holds a folder of this machine, which the kernel releases when the process ends, however it ends.

    Args:
        folder: the folder; it must exist.
        work: what a process that holds it does, for the error.

    Raises:
        UserError: another process holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"{folder}: another process {work}: wait for it, or give another --output.") from error
        yield
    finally:
        os.close(descriptor)
