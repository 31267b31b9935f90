"""Files of this machine, and of others (gs://, s3://, hdfs://) through the file systems of Apache Beam, alike.

What is on this machine needs no Beam. Every failure is an OSError.
"""

import contextlib
import fnmatch
import os
import shutil
from typing import Any, BinaryIO, Dict, Iterator, Optional, Sequence

from audioset_triplet.errors import UserError


def is_remote(path: str) -> bool:
    return "://" in path


def absolute(path: str) -> str:
    """The path as other processes of this machine find it; remote paths are as they are."""
    return path if is_remote(path) else os.path.abspath(path)


def join(folder: str, *names: str) -> str:
    return "/".join([folder.rstrip("/"), *names]) if is_remote(folder) else os.path.join(folder, *names)


def common_folder(paths: Sequence[str]) -> str:
    """The folder that all files share, as `absolute` gives it."""
    if any(map(is_remote, paths)):
        return os.path.commonprefix([path.rsplit("/", 1)[0] + "/" for path in paths]).rsplit("/", 1)[0]
    return os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in paths])


def relative(path: str, folder: str) -> str:
    """The path of a file in a folder, with `/`."""
    if is_remote(path):
        return path[len(folder) :].lstrip("/")
    return os.path.relpath(path, folder).replace(os.sep, "/")


def make_folder(path: str) -> None:
    """Makes a folder, where the file system has such a thing."""
    if is_remote(path):
        # If it fails, the folder exists, or the first file in it fails too, with the reason.
        with contextlib.suppress(OSError), _as_os_errors():
            _file_systems().mkdirs(path)
    else:
        os.makedirs(path, exist_ok=True)


def read_bytes(path: str) -> bytes:
    with open_file(path) as file:
        return file.read()


def open_file(path: str) -> BinaryIO:
    """Opens a file for random access."""
    if not is_remote(path):
        return open(path, "rb")
    with _as_os_errors():
        return _file_systems().open(path, compression_type=_uncompressed())


def exists(path: str) -> bool:
    if not is_remote(path):
        return os.path.exists(path)
    with _as_os_errors():
        return _file_systems().exists(path)


def size(path: str) -> Optional[int]:
    """The bytes of a file; None: there is none."""
    if is_remote(path):
        folder, name = path.rsplit("/", 1)
        return sizes(folder, name).get(name)
    return os.path.getsize(path) if os.path.exists(path) else None


def sizes(folder: str, pattern: str) -> Dict[str, int]:
    """Name -> bytes of the files in a folder whose names match a pattern, such as `*.tfrecord`, sorted by name."""
    if is_remote(folder):
        with _as_os_errors():
            [matches] = _file_systems().match([join(folder, pattern)])
        found = {match.path.rsplit("/", 1)[-1]: match.size_in_bytes for match in matches.metadata_list}
    else:
        names = os.listdir(folder) if os.path.isdir(folder) else []
        found = {
            name: os.path.getsize(os.path.join(folder, name)) for name in names if fnmatch.fnmatchcase(name, pattern)
        }
    return dict(sorted(found.items()))


def delete(paths: Sequence[str]) -> None:
    """Deletes files, and folders with what is in them; those that are not there are left out."""
    for path in paths:
        if is_remote(path):
            # In object stores a folder vanishes with its last file.
            with contextlib.suppress(OSError), _as_os_errors():
                _file_systems().delete([path])
        elif os.path.isdir(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)


@contextlib.contextmanager
def appearing(temporary: str, path: str) -> Iterator[BinaryIO]:
    """A file that gets its name when the block ends, in place of an older one; if the block raises, nothing is left."""
    try:
        with _created(temporary) as file:
            yield file
        if is_remote(path):
            _rename(temporary, path)
        else:
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            delete([temporary])
        raise


def write_bytes(temporary: str, path: str, data: bytes) -> None:
    """Writes a small file so that a reader sees the old one or the whole new one."""
    with appearing(temporary, path) as file:
        file.write(data)


def set_options(options: Any) -> None:
    """Gives the options of a Beam pipeline to the file systems, so that remote files can be listed."""
    from apache_beam.io.filesystems import FileSystems

    FileSystems.set_options(options)


def _created(path: str) -> BinaryIO:
    if not is_remote(path):
        return open(path, "wb")
    with _as_os_errors():
        return _file_systems().create(path, compression_type=_uncompressed())


def _rename(temporary: str, path: str) -> None:
    file_systems = _file_systems()
    try:
        file_systems.rename([temporary], [path])
    except OSError:
        if not file_systems.exists(path):
            raise
        file_systems.delete([path])  # HDFS does not replace a file
        file_systems.rename([temporary], [path])


def _file_systems() -> Any:
    try:
        from apache_beam.io.filesystems import FileSystems
    except ImportError as error:
        raise UserError(f"remote files need Apache Beam ({error}): pip install -e '.[data_prep]'") from error
    return FileSystems


def _uncompressed() -> Any:
    from apache_beam.io.filesystem import CompressionTypes

    return CompressionTypes.UNCOMPRESSED


@contextlib.contextmanager
def _as_os_errors() -> Iterator[None]:
    """Every file system has other exceptions: BeamIOError is an OSError, ValueError is what an unknown scheme gives."""
    try:
        yield
    except ValueError as error:
        raise OSError(str(error)) from error
