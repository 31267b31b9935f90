"""TFRecord files record by record, in Python: the bytes of each, the clip that it holds, and what is damaged.

TensorFlow's reader gives a file up at the first damage; this one goes on as far as the framing allows.
"""

import dataclasses
import itertools
import struct
from typing import Iterator, List, NamedTuple, Optional, Sequence

import tensorflow as tf

from audioset_triplet import file_kinds
from audioset_triplet.errors import UserError
from audioset_triplet.records import contents, parsing, schema
from audioset_triplet.records.framing import masked_crc

# A record in its file: uint64 length, masked CRC-32C of it, the bytes, masked CRC-32C of them, all little-endian.
HEADER_BYTES = 12
FRAME_BYTES = HEADER_BYTES + 4
_SAMPLED_FILES = 16  # whose first records tell how large records are
WHAT_TO_DO = "data_prep.inspect_tfrecords lists all damage; prepare the file again"


@dataclasses.dataclass(frozen=True)
class Record:
    """One record of a TFRecord file: a clip, or the damage of the record."""

    file: str
    index: int
    clip: Optional[schema.Clip]
    damage: str = ""
    is_foreign: bool = False  # no damage: the file, or the record, is of another kind

    def __str__(self) -> str:
        return f"{self.file}: record {self.index}: {self.damage or 'no damage'}"

    @property
    def problem(self) -> str:
        """One line about a damaged record and what to do; empty: it is not damaged."""
        if self.is_foreign:
            return f"{self.file}: {self.damage}"
        return f"{self} ({WHAT_TO_DO})" if self.damage else ""


@dataclasses.dataclass(frozen=True)
class Frame:
    """One record of a TFRecord file before it is parsed: its bytes, or the damage of them."""

    index: int
    data: bytes
    damage: str = ""
    is_foreign: bool = False  # the file holds no records


def frames(file: str, index: int = 0, offset: int = 0) -> Iterator[Frame]:
    """The bytes of every record, going on after a damaged one as far as the framing allows.

    Args:
        file: path.
        index, offset: the record to begin with, and the byte at which it begins.
    """
    with tf.io.gfile.GFile(file, "rb") as source:
        size = source.size()
        source.seek(offset)
        while offset < size:
            header = source.read(HEADER_BYTES)
            is_framed = len(header) == HEADER_BYTES and _is_header(header)
            if not offset and not is_framed:
                kind = contents.describe_file(header + source.read(file_kinds.HEAD_BYTES - len(header)))
                if kind:
                    yield Frame(index, b"", kind, is_foreign=True)
                    return
            if len(header) < HEADER_BYTES:
                yield Frame(index, b"", f"truncated: the file ends inside the header at byte {offset}")
                return
            length = struct.unpack_from("<Q", header)[0]
            if not is_framed:
                damage = f"bad checksum of the length at byte {offset}; the rest of the file cannot be read"
                yield Frame(index, b"", damage)
                return
            if offset + FRAME_BYTES + length > size:
                missing = offset + FRAME_BYTES + length - size
                yield Frame(index, b"", f"truncated: {missing} of {length + FRAME_BYTES} bytes are missing at the end")
                return
            data, (data_crc,) = source.read(length), struct.unpack("<I", source.read(4))
            damage = "" if masked_crc(data) == data_crc else "bad checksum: the bytes are not those that were written"
            yield Frame(index, data, damage)
            offset, index = offset + FRAME_BYTES + length, index + 1


def _is_header(header: bytes) -> bool:
    """Whether the length that 12 bytes begin with has the checksum behind it."""
    length, length_crc = struct.unpack("<8sI", header)
    return masked_crc(length) == length_crc


class Range(NamedTuple):
    """Successive records of a file."""

    first: int  # record
    offset: int  # of its first byte
    num_records: Optional[int]  # None: all to the end of the file


def ranges(file: str, most_bytes: int) -> List[Range]:
    """Divides a file at the starts of records into ranges of at most so many bytes; a record may be larger.

    Reads the headers of the records alone. Damage is left for whoever reads the last range.
    """
    found = [Range(0, 0, None)]
    with tf.io.gfile.GFile(file, "rb") as source:
        size, offset, index = source.size(), 0, 0
        if size <= most_bytes:
            return found
        while offset < size:
            source.seek(offset)
            header = source.read(HEADER_BYTES)
            if len(header) < HEADER_BYTES or not _is_header(header):
                break
            length = struct.unpack_from("<Q", header)[0]
            last = found[-1]
            if index > last.first and offset + FRAME_BYTES + length - last.offset > most_bytes:
                found[-1] = Range(last.first, last.offset, index - last.first)
                found.append(Range(index, offset, None))
            offset, index = offset + FRAME_BYTES + length, index + 1
    return found


def hold_at_most(files: Sequence[str], num_records: int) -> bool:
    """Whether files hold at most so many records, if all are as large as the first ones. It ends where it is clear."""
    first = [frame for file in files[:_SAMPLED_FILES] for frame in itertools.islice(frames(file), 1)]
    bytes_of_one = sum(len(frame.data) + FRAME_BYTES for frame in first) / max(1, len(first))
    total_bytes = itertools.accumulate(tf.io.gfile.stat(file).length for file in files)
    return all(num_bytes <= bytes_of_one * (num_records + 0.5) for num_bytes in total_bytes)


def scan(file: str) -> Iterator[Record]:
    """Every record of a file of clips, going on after a damaged one as `frames` does."""
    for frame in frames(file):
        if frame.damage:
            yield Record(file, frame.index, None, frame.damage, frame.is_foreign)
        else:
            yield _parsed(file, frame)


def require_records(files: Sequence[str]) -> None:
    """Raises a UserError that says what the first file is that is no TFRecord file, by its first bytes."""
    for file in files:
        for frame in itertools.islice(frames(file), 1):
            if frame.is_foreign:
                raise UserError(f"{file}: {frame.damage}")


def first_damage(files: Sequence[str], with_frames: bool = False) -> Optional[str]:
    """One line about the first damaged record (file, index, clip, what, and what to do), or None.

    Reads everything: to be called after a read has failed, not before.

    Args:
        files: paths.
        with_frames: a record without images counts as damaged too.
    """
    for file in files:
        for record in scan(file):
            problem = problem_of(record, with_frames)
            if problem:
                return problem
    return None


def problem_of(record: Record, with_frames: bool) -> str:
    """One line about a damaged record and what to do; empty: it is not damaged."""
    if with_frames and record.clip is not None and not record.clip.image_size:
        damage = f"clip {record.clip.clip_id}: has no images"
        remedy = "data_prep.prepare_audiovisual writes them; training can do without: --images=false"
        return f"{dataclasses.replace(record, damage=damage)} ({remedy})"
    return record.problem


def _parsed(file: str, frame: Frame) -> Record:
    try:
        clip = schema.clip_from_example(frame.data)
    except schema.SchemaError as error:
        return Record(file, frame.index, None, str(error), isinstance(error, schema.ForeignRecordError))
    if not schema.is_plain(frame.data) and not parsing.is_example(frame.data):
        damage = f"clip {clip.clip_id}: TensorFlow cannot parse the record, though protobuf can"
        return Record(file, frame.index, None, damage)
    return Record(file, frame.index, clip)
