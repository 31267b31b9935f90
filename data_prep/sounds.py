"""Where a sound lies, and how a decoder gets at it."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import tempfile
from typing import Iterator

from audioset_triplet.data import audio_files
from audioset_triplet.data.audio_files import AudioError
from audioset_triplet.errors import UserError


@dataclasses.dataclass(frozen=True)
class Location:
    """A sound file; its size tells a file from another one that takes its place."""

    path: str
    size: int  # bytes; -1: there is no such file

    def __str__(self) -> str:
        return self.path

    @property
    def stem(self) -> str:
        """The name of the sound, without what says of which kind it is."""
        return pathlib.PurePosixPath(self.path).stem


def of_file(path: "os.PathLike[str]") -> Location:
    """The location of a file that a list names, whether it is there or not."""
    place = os.path.abspath(path)  # workers may run elsewhere
    return Location(place, os.path.getsize(place) if os.path.isfile(place) else -1)


def find(source: str) -> Iterator[Location]:
    """Every sound of a folder, to any depth, in the order of their paths.

    Raises:
        UserError: there is no such folder.
    """
    if not os.path.isdir(source):
        raise UserError(f"--source={source}: no such folder")
    for path in audio_files.find_audio_files(source):
        yield of_file(path)


@contextlib.contextmanager
def local_file(location: Location) -> Iterator[pathlib.Path]:
    """A file on this machine that holds the sound, for as long as the block runs.

    Raises:
        AudioError: `missing`, where it lies on another machine (gs://, s3://, hdfs://) and cannot be had from there.
    """
    if "://" not in location.path:
        yield pathlib.Path(location.path)
        return
    from apache_beam.io.filesystems import FileSystems

    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / os.path.basename(location.path)
        try:
            with FileSystems.open(location.path) as source, open(copy, "wb") as target:
                shutil.copyfileobj(source, target)
        except Exception as error:  # each file system has errors of its own
            raise AudioError(location.path, "missing", str(error)) from error
        yield copy
