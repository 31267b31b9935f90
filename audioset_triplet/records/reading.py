"""TFRecord files: reads records as a dataset, and names damage."""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import struct
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import tensorflow as tf

from audioset_triplet import file_kinds
from audioset_triplet.errors import UserError
from audioset_triplet.records import contents, globs, parsing, schema
from audioset_triplet.records.framing import masked_crc

# Files read at a time: enough to hide the latency of remote storage and to mix the folds of a small data set. Fixed,
# not tuned at run time, because it decides the order of the records.
_CYCLE_LENGTH = 16

# A record in its file: uint64 length, masked CRC-32C of it, the bytes, masked CRC-32C of them, all little-endian.
HEADER_BYTES = 12
FRAME_BYTES = HEADER_BYTES + 4

NEEDS_SAMPLES = (
    "has encoded audio, which a tf.data service decodes on Python 3.9 to 3.11 only (with tensorflow-io): prepare it "
    "with --audio=pcm, or train without --data_service."
)
# What TensorFlow says where a tf.data service meets encoded audio that it cannot decode: behind records of samples,
# which is not seen at the beginning.
_CANNOT_CALL = "Could not find callback"
WHAT_TO_DO = "data_prep.inspect_tfrecords lists all damage; prepare the file again"


def describe_files(patterns: str) -> Dict[str, Any]:
    """The number of files and of bytes, and a digest of names and sizes, which does not depend on the folder.

    Raises:
        UserError: as `globs.expand`.
    """
    sizes = sorted((os.path.basename(path), tf.io.gfile.stat(path).length) for path in globs.expand(patterns))
    digest = hashlib.sha256(json.dumps(sizes).encode()).hexdigest()
    return {"files": len(sizes), "bytes": sum(size for _, size in sizes), "files_digest": digest[:16]}


def read_records(files: Sequence[str], deterministic: bool) -> tf.data.Dataset:
    """Serialized records (string []) of several files, interleaved.

    Args:
        files: paths, as from `globs.expand`.
        deterministic: the same order in every run; otherwise whichever file is ready comes first.

    A damaged record is a DataLossError when it is read (see `named_errors`). TensorFlow does not notice where a file is
    cut within the 12 bytes before a record; `scan` does.
    """
    paths = tf.data.Dataset.from_tensor_slices(list(files))
    return interleaved(paths, tf.data.TFRecordDataset, len(files), deterministic)


def interleaved(
    files: tf.data.Dataset, read: Callable[..., tf.data.Dataset], num_files: int, deterministic: bool
) -> tf.data.Dataset:
    """The elements of `read(file)` for each element of `files`; several are read at a time."""
    return files.interleave(
        read,
        cycle_length=min(_CYCLE_LENGTH, num_files),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=deterministic,
    )


def read_clips(
    files: Sequence[str], folds: Sequence[int], deterministic: bool, with_frames: bool = False, num_channels: int = 1
) -> tf.data.Dataset:
    """The parsed clips of several files.

    Args:
        files, deterministic: as for `read_records`.
        folds: only clips of these folds; empty: all.
        with_frames: by `parsing.parse_audiovisual_clip`, with their images; else by `parsing.parse_clip`.
        num_channels: of the records.
    """
    parse = parsing.parse_audiovisual_clip if with_frames else parsing.parse_clip
    clips = read_records(files, deterministic).map(
        lambda record: parse(record, num_channels),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=deterministic,
    )
    return only_folds(clips, folds)


def only_folds(clips: tf.data.Dataset, folds: Sequence[int]) -> tf.data.Dataset:
    """The clips of some folds, or all where none is named."""
    if not folds:
        return clips
    selected = tf.constant(list(folds), tf.int64)
    return clips.filter(lambda clip: tf.reduce_any(clip["fold"] == selected))


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


def read_range(file: str, records: Range, num_channels: int = 1) -> Iterator[Dict[str, Any]]:
    """The parsed clips of successive records, as NumPy values: what `parsing.parse_clip` gives.

    Raises:
        UserError: a damaged record.
    """
    with named_errors([file]):
        for frame in itertools.islice(frames(file, records.first, records.offset), records.num_records):
            if frame.damage:
                raise UserError(first_damage([file]) or frame.damage)
            clip = _parsed_clip(tf.constant(frame.data), num_channels)
            yield {name: value.numpy() for name, value in clip.items()}


@tf.function(autograph=False, reduce_retracing=True)
def _parsed_clip(serialized: tf.Tensor, num_channels: int) -> Dict[str, tf.Tensor]:
    return parsing.parse_clip(serialized, num_channels)


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


def audio_format(files: Sequence[str]) -> Tuple[int, int]:
    """(sample rate in Hz, number of channels) of the first undamaged record of every file.

    Raises:
        UserError: a file that is none of clips, no clip in any file, or two files differ.
    """
    formats: Dict[Tuple[int, int], str] = {}
    for file in files:
        clip = _first_clip(file)
        if clip is not None:
            formats.setdefault((clip.sample_rate_hz, clip.num_channels), file)
    if len(formats) > 1:
        texts = (f"{schema.format_text(*audio)} in {file}" for audio, file in formats.items())
        raise UserError(f"records must have one sample rate and number of channels: {', '.join(texts)}")
    if not formats:
        others = f", and neither do {len(files) - 1} others" if len(files) > 1 else ""
        raise UserError(first_damage(files) or f"{files[0]} holds no clip{others}: all is empty.")
    return next(iter(formats))


def _first_clip(file: str) -> Optional[schema.Clip]:
    """The first undamaged record; a UserError where the file is none of clips."""
    for record in scan(file):
        if record.is_foreign:
            raise UserError(record.problem)
        if record.clip is not None:
            return record.clip
    return None


def require_samples(files: Sequence[str]) -> None:
    """Raises a UserError where the first undamaged record of a file has encoded audio."""
    for file in files:
        clip = _first_clip(file)
        if clip is not None and clip.encoded:
            raise UserError(f"{file} {NEEDS_SAMPLES}")


def require_format(files: Sequence[str], sample_rate_hz: int, num_channels: int, user: str) -> None:
    """Checks that records have the format that `user` (a front end, say) takes.

    Raises:
        UserError: they have another, or two files differ.
    """
    audio = audio_format(files)
    if audio != (sample_rate_hz, num_channels):
        raise UserError(
            f"{files[0]}: records are {schema.format_text(*audio)}, and {user} takes "
            f"{schema.format_text(sample_rate_hz, num_channels)}: prepare them with --sample_rate_hz={sample_rate_hz} "
            f"--channels={num_channels}, or choose another front end."
        )


def image_size(files: Sequence[str]) -> int:
    """Pixels of each side of the frames, from the first record of every file.

    Raises:
        UserError: a record without images, or a damaged one; files whose frames differ in size.
    """
    sizes: Dict[int, str] = {}
    for file in files:
        for record in itertools.islice(scan(file), 1):
            problem = _problem(record, with_frames=True)
            if record.clip is None or problem:
                raise UserError(problem)
            sizes.setdefault(record.clip.image_size, file)
    if len(sizes) != 1:
        texts = ", ".join(f"{size} in {file}" for size, file in sizes.items()) or "there is no record"
        raise UserError(f"frames must be of one size: {texts}")
    return next(iter(sizes))


def first_damage(files: Sequence[str], with_frames: bool = False) -> Optional[str]:
    """One line about the first damaged record (file, index, clip, what, and what to do), or None.

    Reads everything: to be called after a read has failed, not before.

    Args:
        files: paths.
        with_frames: a record without images counts as damaged too.
    """
    for file in files:
        for record in scan(file):
            problem = _problem(record, with_frames)
            if problem:
                return problem
    return None


@contextlib.contextmanager
def named_errors(files: Sequence[str], with_frames: bool = False) -> Iterator[None]:
    """Around code that reads records: an error from a damaged record becomes a UserError that names it.

    Args:
        files, with_frames: as for `first_damage`.
    """
    try:
        yield
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
        if _CANNOT_CALL in error.message:
            raise UserError(f"one of {len(files)} files {NEEDS_SAMPLES}") from error
        damage = first_damage(files, with_frames)
        if damage is None:
            raise
        raise UserError(damage) from error


def _problem(record: Record, with_frames: bool) -> str:
    """One line about a damaged record and what to do; empty: it is not damaged."""
    if with_frames and record.clip is not None and not record.clip.image_size:
        damage = f"clip {record.clip.clip_id}: has no images"
        remedy = "data_prep.prepare_audiovisual writes them; training can do without: --images=false"
        return f"{dataclasses.replace(record, damage=damage)} ({remedy})"
    return record.problem


def _parsed(file: str, frame: Frame) -> Record:
    try:
        return Record(file, frame.index, schema.clip_from_example(frame.data))
    except schema.SchemaError as error:
        return Record(file, frame.index, None, str(error), isinstance(error, schema.ForeignRecordError))
