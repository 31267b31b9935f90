"""Where a sound lies, and how a decoder gets at it.

A sound is a file, or a part of one (`data_prep.containers`), on this machine or on another (gs://, s3://, hdfs://), and
may be packed with gzip. Whatever it is, `local_file` makes a plain file of it, so that there is one decoder.
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
# They can only be read from their beginning, or by programs of their own.
_COMPRESSED_ARCHIVES = (
    *(".7z", ".rar", ".tbz2", ".tgz", ".txz", ".zip"),
    *(".tar.bz2", ".tar.gz", ".tar.lz4", ".tar.xz", ".tar.zst"),
)
_UNPACK = "unpack it first (a plain .tar need not be unpacked)"
_BLOCK_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class Location:
    """A sound: a file, or what lies in one under a name of its own."""

    path: str  # of the file
    size: int  # bytes of the sound as it lies there; -1: there is no such file
    member: str = ""  # its name in the file; empty: the file is the sound
    start: int = 0  # where in the file it begins: a byte of a tar archive, a row of a pack
    changed: int = 0  # when it was put there, seconds since 1970; not known of a file

    def __str__(self) -> str:
        """As in a folder whose name is that of the archive; bytes that are no text are spelt out."""
        path = f"{self.path}/{self.member}" if self.member else self.path
        return path.encode("utf-8", "backslashreplace").decode()

    @property
    def name(self) -> str:
        return posixpath.basename(self.member or self.path)

    @property
    def stem(self) -> str:
        """The name, without what says of which kind the sound is."""
        name = _without_gzip(self.name)
        stem, extension = os.path.splitext(name)
        return stem if extension.lower() in audio_files.AUDIO_EXTENSIONS else name

    @property
    def identity(self) -> Tuple[str, str, int, int]:
        """Tells it from another that takes its place, and stays the same where the folder around it moves."""
        return posixpath.basename(self.path), self.member, self.size, self.changed


def of_file(path: "os.PathLike[str]") -> Location:
    """The location of a file that a list names, whether it is there or not."""
    place = os.path.abspath(path)  # workers may run elsewhere
    return Location(place, os.path.getsize(place) if os.path.isfile(place) else -1)


def find(source: audio_files.Path) -> Iterator[Location]:
    """Every sound below a folder, to any depth, in the order of their paths, or in a single file.

    Sounds are files by the extensions of `audio_files`, also with .gz behind it, members of .tar archives with such
    names, and rows of packs in HDF5. Archives that are damaged or compressed are named on stderr.

    Args:
        source: a folder or file, here or at gs://, s3:// or hdfs://.

    Raises:
        UserError: there is no such folder, or the file is a compressed archive.
    """
    root = _absolute(source)
    compressed = []
    for file in _files(root):
        if _is_sound(file.path):
            yield Location(file.path, file.size)
        elif file.path.lower().endswith((_TAR, *_PACKS)):
            yield from _inside(file)
        elif file.path.lower().endswith(_COMPRESSED_ARCHIVES):
            compressed.append(file.path)
    if compressed == [root]:
        raise UserError(f"--source={source}: a compressed archive: {_UNPACK}")
    if compressed:
        count = f"{len(compressed)} compressed archives, such as {compressed[0]}"
        print(f"{count}, are not looked into: {_UNPACK}", file=sys.stderr)


def below(source: audio_files.Path, sound: Location) -> str:
    """The path of a sound from the folder or archive that was searched for it: `dog/1.wav`, `a.tar/dog/1.wav`."""
    root, path = str(Location(_absolute(source).rstrip("/") + "/", 0)), str(sound)
    return path[len(root) :] if path.startswith(root) else posixpath.basename(path)


def _absolute(source: audio_files.Path) -> str:
    path = os.fspath(source)
    return path if "://" in path else os.path.abspath(path)


def _is_sound(path: str) -> bool:
    name = posixpath.basename(path)
    extension = os.path.splitext(_without_gzip(name))[1].lower()
    # macOS puts a file ._NAME beside NAME on foreign disks and in archives, for its own purposes.
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
            found = containers.tar_members(opened, file.size, warn)
            members = [member for member in found if _is_sound(member.name)]
        else:
            members = containers.pack_rows(opened, file.changed, warn)
    for member in members:
        yield Location(file.path, member.size, member.name, member.start, member.changed)


@contextlib.contextmanager
def local_file(location: Location) -> Iterator[pathlib.Path]:
    """A plain file on this machine that holds the sound, for as long as the block runs.

    Raises:
        AudioError: the sound cannot be had from where it lies (`missing`), or is damaged (`unreadable`, `truncated`).
            One that the block raises for the file is raised again for the location.
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
    """A copy of the sound as it lies in its place."""
    if location.path.lower().endswith(_PACKS):
        return _fetched_row(location, folder)
    path = folder / location.name
    num_missing = location.size
    with _opened(location) as source, open(path, "wb") as target:
        source.seek(location.start)
        while num_missing:
            block = source.read(min(_BLOCK_BYTES, num_missing))
            if not block:
                there = location.size - num_missing
                raise AudioError(path, "truncated", f"{there} of {location.size} bytes are there")
            target.write(block)
            num_missing -= len(block)
    return path


def _fetched_row(location: Location, folder: pathlib.Path) -> pathlib.Path:
    # AU, because it holds floats exactly and is no format that records keep as it is: a row has no bytes of its own.
    path = folder / "row.au"
    with _opened(location) as source:
        try:
            rate_hz, waveform = containers.read_row(source, location.start)
        except ValueError as error:
            raise AudioError(path, "unreadable", str(error)) from error
    soundfile.write(path, waveform, rate_hz, format="AU", subtype="FLOAT")
    return path


def _unpacked(path: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """What a file holds that is packed with gzip."""
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
    except Exception as error:  # each file system has errors of its own
        raise AudioError(location.path, "missing", " ".join(str(error).split())) from error
    with file:
        yield file
