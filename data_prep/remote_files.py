"""Files on other machines (gs://, s3://, hdfs://), through Apache Beam's file systems."""

import contextlib
from typing import BinaryIO, Iterator, List, Tuple

from apache_beam.io.filesystem import BeamIOError, CompressionTypes, FileMetadata
from apache_beam.io.filesystems import FileSystems

from audioset_triplet.errors import UserError


def list_files(source: str) -> List[Tuple[str, int, int]]:
    """(path, bytes, seconds since 1970 when it was last changed) of all files below a folder, or of a single file.

    In the order of their paths.

    Raises:
        UserError: it cannot be listed, or it is empty.
    """
    root = source.rstrip("/")
    try:
        [itself] = FileSystems.match([root])
        files = [file for file in itself.metadata_list if file.size_in_bytes] or list(_walk(root))
    except (BeamIOError, OSError, ValueError) as error:
        raise UserError(f"--source={source}: cannot be listed: {error}") from error
    if not files:
        raise UserError(f"--source={source}: no such folder, or nothing in it")
    files.sort(key=lambda file: file.path.split("/"))
    return [(file.path, file.size_in_bytes, int(file.last_updated_in_seconds)) for file in files]


def _walk(folder: str) -> Iterator[FileMetadata]:
    """HDFS lists one folder at a time, and its folders as empty files; other file systems list everything below."""
    for file in FileSystems.match([f"{folder}/**"])[0].metadata_list:
        inside: List[FileMetadata] = []
        if not file.size_in_bytes:
            with contextlib.suppress(BeamIOError):  # an empty file
                inside = list(_walk(file.path))
        yield from inside or [file]


def open_file(path: str) -> BinaryIO:
    """Opens a file for random access; every file system has other exceptions."""
    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
