"""Files and folders that appear under their name only when they are whole, and have one writer at a time."""

import contextlib
import fcntl
import json
import os
import shutil
import sys
from typing import Any, Dict, Iterable, Iterator, Set, Tuple, Union

from audioset_triplet import text_files
from audioset_triplet.errors import UserError

_held: Set[Tuple[int, int]] = set()  # device and number of the folders that this process holds


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


def write_text(path: str, text: str, encoding: str = "utf-8") -> None:
    """Writes a text file so that a reader sees the old one or the whole new one."""
    with atomic_path(path) as temporary:
        with open(temporary, "w", encoding=encoding) as file:
            file.write(text)


def write_json(path: str, values: Any) -> None:
    """Writes a JSON file, as `write_text` does."""
    write_text(path, json.dumps(values, indent=2) + "\n")


def read_json(path: str) -> Any:
    """Reads a JSON file, with or without a byte order mark.

    Raises:
        FileNotFoundError: there is none.
        UserError: it is empty, damaged or no JSON; with the line.
    """
    with open(path, "rb") as file:
        data = file.read()
    text = text_files.decode(data, path, "put it back from a copy, or make it again")
    if not text.strip():
        raise UserError(f"{path}: damaged: it is empty.")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: damaged ({error}).") from error


def read_json_object(path: str) -> Dict[str, Any]:
    """As `read_json`, of a file that holds an object; a UserError where it holds something else."""
    values = read_json(path)
    if not isinstance(values, dict):
        raise UserError(f"{path}: damaged: it holds a {type(values).__name__}, not an object.")
    return values


def printable(path: Union[str, "os.PathLike[str]"]) -> str:
    """A path as one line of valid text: bytes that are not UTF-8, and control characters, are escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def is_text(path: Union[str, "os.PathLike[str]"]) -> bool:
    """Whether a path is valid Unicode, as Parquet, TFRecords and JSON need it."""
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        return False
    return True


@contextlib.contextmanager
def held_alone(folder: str, work: str) -> Iterator[None]:
    """Holds a folder of this machine, which the kernel releases when the process ends, however it ends.

    A process that holds it may hold it again. A file system that cannot lock is said on stderr, and not locked.

    Args:
        folder: the folder; it must exist.
        work: what a process that holds it does, for the error.

    Raises:
        UserError: another process holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        status = os.fstat(descriptor)
        identity = status.st_dev, status.st_ino
        if identity in _held:
            yield
            return
        _lock(descriptor, folder, work)
        _held.add(identity)
        try:
            yield
        finally:
            _held.discard(identity)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: str, work: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UserError(f"{folder}: another process {work}: wait for it, or give another folder.") from error
    except OSError as error:  # network file systems without locks of folders
        text = f"{folder}: cannot be locked here ({error.strerror}): let no other program write there meanwhile."
        print(text, file=sys.stderr)


@contextlib.contextmanager
def one_writer(folder: str) -> Iterator[None]:
    """Makes a folder for the block, and holds it alone; removes it again if the block has put nothing into it.

    Raises:
        UserError: another process writes there, or it is no folder.
    """
    is_new = not os.path.lexists(folder)
    try:
        os.makedirs(folder, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError(f"{folder}: is a file, or below one, and a folder is needed: give another.") from error
    try:
        with held_alone(folder, "writes there"):
            yield
    finally:
        if is_new:
            with contextlib.suppress(OSError):
                os.rmdir(folder)
