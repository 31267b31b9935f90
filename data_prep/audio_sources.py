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
from typing import BinaryIO, Iterator, NamedTuple, Tuple

import soundfile

from audioset_triplet.errors import UserError
from audioset_triplet.media import audio_files
from audioset_triplet.media.audio_files import AudioError
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
        return path.encode("utf-8", "backslashreplace").decode()

    @property
    def name(self) -> str:
        return posixpath.basename(self.member or self.path)

    @property
    def stem(self) -> str:
        """The name without its extensions."""
        name = _without_gzip(self.name)
        stem, extension = os.path.splitext(name)
        return stem if extension.lower() in audio_files.AUDIO_EXTENSIONS else name

    @property
    def identity(self) -> Tuple[str, str, int, int]:
        """Changes when another file takes its place, and not when the folder around it moves."""
        return posixpath.basename(self.path), self.member, self.size, self.changed


def of_file(path: "os.PathLike[str]") -> Location:
    """The location of a listed file, whether it exists or not."""
    absolute = os.path.abspath(path)  # workers may run in another folder
    return Location(absolute, os.path.getsize(absolute) if os.path.isfile(absolute) else -1)


def find(source: audio_files.Path) -> Iterator[Location]:
    """Every audio and video file below a folder, to any depth, in the order of their paths, or in a single file.

    They are files with an extension of `audio_files`, also with .gz after it, members of .tar archives with such names,
    and rows of packs in HDF5. Damaged and compressed archives are named on stderr.

    Args:
        source: a folder or file, here or at gs://, s3:// or hdfs://.

    Raises:
        UserError: there is no such folder, or the file is a compressed archive.
    """
    root = _absolute(source)
    compressed = []
    for file in _files(root):
        if _is_audio(file.path):
            yield Location(file.path, file.size)
        elif file.path.lower().endswith((_TAR, *_PACKS)):
            yield from _inside(file)
        elif file.path.lower().endswith(_COMPRESSED_ARCHIVES):
            compressed.append(file.path)
    if compressed == [root]:
        raise UserError(f"--source={source}: a compressed archive: {_UNPACK}")
    if compressed:
        count = f"{len(compressed)} compressed archives, such as {compressed[0]}"
        print(f"{count}, are not searched: {_UNPACK}", file=sys.stderr)


def below(source: audio_files.Path, location: Location) -> str:
    """The path of a file relative to the folder or archive that was searched: `dog/1.wav`, `a.tar/dog/1.wav`."""
    root, path = str(Location(_absolute(source).rstrip("/") + "/", 0)), str(location)
    return path[len(root) :] if path.startswith(root) else posixpath.basename(path)


def _absolute(source: audio_files.Path) -> str:
    path = os.fspath(source)
    return path if "://" in path else os.path.abspath(path)


def _is_audio(path: str) -> bool:
    name = posixpath.basename(path)
    extension = os.path.splitext(_without_gzip(name))[1].lower()
    # macOS puts a file ._NAME with metadata beside NAME on foreign disks and in archives.
    return extension in audio_files.AUDIO_EXTENSIONS and not name.startswith("._")


def _without_gzip(name: str) -> str:
    return name[: -len(_GZIP)] if name.lower().endswith(_GZIP) else name


class _File(NamedTuple):
    path: str
    size: int
    changed: int


def _files(source: str) -> Iterator[_File]:
    """The files of a folder, in the order of their paths, or the file of that name."""
    if "://" in source:
        from data_prep import remote_files  # not before it is needed: it needs Beam

        yield from itertools.starmap(_File, remote_files.list_files(source))
    elif os.path.isdir(source):
        yield from _walk(source)
    elif os.path.isfile(source):
        yield _file(source, os.stat(source))
    else:
        raise UserError(f"--source={source}: no such folder")


def _file(path: str, stat: os.stat_result) -> _File:
    return _File(path, stat.st_size, int(stat.st_mtime))


def _walk(folder: str) -> Iterator[_File]:
    with os.scandir(folder) as entries:
        in_order = sorted(entries, key=lambda entry: entry.name)
    for entry in in_order:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path)
        elif entry.is_file():
            yield _file(entry.path, entry.stat())


def _inside(file: _File) -> Iterator[Location]:
    def warn(text: str) -> None:
        print(f"{file.path}: {text}", file=sys.stderr)

    with _open(file.path) as opened:
        if file.path.lower().endswith(_TAR):
            members = [member for member in containers.tar_members(opened, file.size, warn) if _is_audio(member.name)]
        else:
            members = containers.pack_rows(opened, file.changed, warn)
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
        with contextlib.ExitStack() as stack:
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
