"""Finds audio and video files, and gives each as a plain local file to the decoder.

Such a file may be a part of another (`data_prep.containers`), may lie on another machine (gs://, s3://, hdfs://), and
may be packed with gzip. `local_file` makes a plain file of any of them, so that one decoder is enough.
"""

import contextlib
import dataclasses
import gzip
import itertools
import os
import pathlib
import posixpath
import shutil
import sys
import tempfile
import zlib
from typing import BinaryIO, Iterator, Optional, Tuple

import soundfile

from audioset_triplet.errors import UserError
from audioset_triplet.media import audio_error, audio_files, folder_walk
from audioset_triplet.media.audio_files import AudioError
from audioset_triplet.media.extensions import AUDIO_EXTENSIONS
from audioset_triplet.media.folder_walk import File, LeftOut
from data_prep import containers

_TAR = ".tar"
_PACKS = (".h5", ".hdf5")
_GZIP = ".gz"
# They can only be read from their beginning, or by other programs.
_COMPRESSED_ARCHIVES = (
    *(".7z", ".rar", ".tbz2", ".tgz", ".txz", ".zip"),
    *(".tar.bz2", ".tar.gz", ".tar.lz4", ".tar.xz", ".tar.zst"),
)
_UNPACK = "unpack it first (a plain .tar need not be unpacked)"
_BLOCK_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class Location:
    """The place of an audio or video file: a path, or a member of a container."""

    path: str  # of the file, or of the container
    size: int  # bytes in that place; -1: there is no such file
    member: str = ""  # its name in the container; empty: it is in none
    start: int = 0  # where in the container it begins: a byte of a tar archive, a row of a pack
    changed: int = 0  # when it was put in the container, seconds since 1970

    def __str__(self) -> str:
        """As if the container were a folder; bytes that are no text are escaped."""
        path = f"{self.path}/{self.member}" if self.member else self.path
        return os.fsencode(path).decode("utf-8", "backslashreplace")

    @property
    def name(self) -> str:
        return posixpath.basename(self.member or self.path)

    @property
    def stem(self) -> str:
        """The name without its extensions."""
        name = _without_gzip(self.name)
        return name[: len(name) - len(self.extension)]

    @property
    def extension(self) -> str:
        """That of an audio or video file, in lower case, without .gz; empty: the name has none."""
        extension = os.path.splitext(_without_gzip(self.name))[1].lower()
        return extension if extension in AUDIO_EXTENSIONS else ""

    @property
    def identity(self) -> Tuple[str, str, int, int]:
        """Changes when another file takes its place, and not when the folder around it moves."""
        return posixpath.basename(self.path), self.member, self.size, self.changed


def of_file(path: "os.PathLike[str]") -> Location:
    """The location of a listed file, whether it exists or not."""
    absolute = os.path.abspath(path)  # workers may run in another folder
    return Location(absolute, os.path.getsize(absolute) if os.path.isfile(absolute) else -1)


def find(source: audio_files.Path, left_out: Optional[LeftOut] = None) -> Iterator[Location]:
    """Every audio and video file below a folder, to any depth, in the order of their paths, or in a single file.

    They are files with an extension of `media.extensions`, also with .gz after it, members of .tar archives with such
    names, and rows of packs in HDF5. Damaged archives are named on stderr. What `media.folder_walk` leaves out of a
    folder is left out of an archive too.

    Args:
        source: a folder or file, here or at gs://, s3:// or hdfs://.
        left_out: counts what is left out.

    Raises:
        UserError: there is no such folder, or the file is a compressed archive.
    """
    root = _absolute(source)
    left_out = LeftOut() if left_out is None else left_out
    for file in _files(root, left_out):
        if _is_audio(file.path):
            yield Location(file.path, file.size)
        elif file.path.lower().endswith((_TAR, *_PACKS)):
            yield from _inside(file, left_out)
        elif file.path.lower().endswith(_COMPRESSED_ARCHIVES):
            if file.path == root:
                raise UserError(f"--source={source}: a compressed archive: {_UNPACK}")
            left_out.add(f"compressed archives, which are not searched: {_UNPACK}", file.path)
        else:
            left_out.add_other(file.path)


def below(source: audio_files.Path, location: Location) -> str:
    """The path of a file relative to the folder or archive that was searched: `dog/1.wav`, `a.tar/dog/1.wav`."""
    root, path = str(Location(_absolute(source).rstrip("/") + "/", 0)), str(location)
    return path[len(root) :] if path.startswith(root) else posixpath.basename(path)


def _absolute(source: audio_files.Path) -> str:
    path = os.fspath(source)
    return path if "://" in path else os.path.abspath(path)


def _is_audio(path: str) -> bool:
    return folder_walk.has_audio_extension(_without_gzip(path))


def _without_gzip(name: str) -> str:
    return name[: -len(_GZIP)] if name.lower().endswith(_GZIP) else name


def _files(source: str, left_out: LeftOut) -> Iterator[File]:
    """The visible files of a folder, in the order of their paths, or the file of that name."""
    if "://" in source:
        from data_prep import remote_files  # not before it is needed: it needs Beam

        for file in itertools.starmap(File, remote_files.list_files(source)):
            if not _is_hidden(file.path[len(source.rstrip("/")) :], file.path, left_out):
                yield file
    elif os.path.isdir(source):
        yield from folder_walk.walk(source, left_out)
    elif os.path.isfile(source):
        status = os.stat(source)
        yield File(source, status.st_size, int(status.st_mtime))
    else:
        raise UserError(f"--source={source}: no such folder")


def _is_hidden(relative_path: str, path: str, left_out: LeftOut) -> bool:
    kind = folder_walk.hidden_part(relative_path) if relative_path else None
    if kind:
        left_out.add(kind, path)
    return kind is not None


def _inside(file: File, left_out: LeftOut) -> Iterator[Location]:
    def warn(text: str) -> None:
        print(f"{file.path}: {text}", file=sys.stderr)

    try:
        archive = _open(file.path)
    except OSError as error:
        warn(f"left out: {error.strerror}")
        left_out.add("archives that cannot be read", file.path)
        return
    with archive as opened:
        if not file.path.lower().endswith(_TAR):
            members = containers.pack_rows(opened, file.changed, warn)
        else:
            members = []
            for member in containers.tar_members(opened, file.size, warn):
                path = f"{file.path}/{member.name}"
                if not _is_hidden(member.name, path, left_out):
                    if _is_audio(member.name):
                        members.append(member)
                    else:
                        left_out.add_other(path)
    for member in members:
        yield Location(file.path, member.size, member.name, member.start, member.changed)


@contextlib.contextmanager
def local_file(location: Location) -> Iterator[pathlib.Path]:
    """A plain file on this machine with the contents of a location, as long as the block runs.

    Raises:
        AudioError: the location cannot be read (`missing`), or is damaged (`unreadable`, `truncated`). One that the
        block
            raises for the plain file is raised again for the location.
    """
    try:
        with audio_error.as_audio_error(str(location)), contextlib.ExitStack() as stack:
            path = pathlib.Path(location.path)
            is_packed = location.name != _without_gzip(location.name)
            if is_packed or location.member or "://" in location.path:
                folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
                if location.member or "://" in location.path:
                    path = _fetched(location, folder)
                if is_packed:
                    path = _unpacked(path, folder)
            yield path
    except AudioError as error:
        raise AudioError(str(location), error.reason, error.detail) from error


def _fetched(location: Location, folder: pathlib.Path) -> pathlib.Path:
    """A copy of the bytes of a location."""
    if location.path.lower().endswith(_PACKS):
        return _fetched_row(location, folder)
    path = folder / location.name
    num_missing = location.size
    with _opened(location) as source, open(path, "wb") as target:
        source.seek(location.start)
        while num_missing:
            block = source.read(min(_BLOCK_BYTES, num_missing))
            if not block:
                num_read = location.size - num_missing
                raise AudioError(path, "truncated", f"{num_read} of {location.size} bytes are there")
            target.write(block)
            num_missing -= len(block)
    return path


def _fetched_row(location: Location, folder: pathlib.Path) -> pathlib.Path:
    # AU, because it holds floats exactly and records never keep it encoded: a row is no file that they could keep.
    path = folder / "row.au"
    with _opened(location) as source:
        try:
            rate_hz, waveform = containers.read_row(source, location.start)
        except ValueError as error:
            raise AudioError(path, "unreadable", str(error)) from error
    soundfile.write(path, waveform, rate_hz, format="AU", subtype="FLOAT")
    return path


def _unpacked(path: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """The unpacked contents of a gzip file."""
    plain = folder / _without_gzip(path.name)
    with open(plain, "wb") as target:
        try:
            with gzip.open(path) as source:
                shutil.copyfileobj(source, target)
        except EOFError as error:
            raise AudioError(path, "truncated", "gzip: the file ends too soon") from error
        except FileNotFoundError as error:
            raise AudioError(path, "missing", "no such file") from error
        except (gzip.BadGzipFile, zlib.error, PermissionError) as error:
            raise AudioError(path, "unreadable", f"gzip: {error}") from error
    return plain


def _open(path: str) -> BinaryIO:
    if "://" in path:
        from data_prep import remote_files

        return remote_files.open_file(path)
    return open(path, "rb")


@contextlib.contextmanager
def _opened(location: Location) -> Iterator[BinaryIO]:
    try:
        file = _open(location.path)
    except Exception as error:  # every file system has other errors
        raise AudioError(location.path, "missing", " ".join(str(error).split())) from error
    with file:
        yield file
