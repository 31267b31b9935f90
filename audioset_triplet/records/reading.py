"""TFRecord files of clips as data sets: what they hold, and in which format; damage is named (`records.scanning`)."""

import contextlib
import hashlib
import itertools
import json
import os
from typing import Any, Callable, Dict, Iterator, Optional, Sequence, Tuple

import tensorflow as tf

from audioset_triplet.errors import UserError
from audioset_triplet.plurals import counted
from audioset_triplet.records import globs, parsing, scanning, schema

# Files read at a time: enough to hide the latency of remote storage and to mix the folds of a small data set. Fixed,
# not tuned at run time, because it decides the order of the records.
_CYCLE_LENGTH = 16

NEEDS_SAMPLES = (
    "has encoded audio, which a tf.data service decodes on Python 3.9 to 3.11 only (with tensorflow-io): prepare it "
    "with --audio=pcm, or train without --data_service."
)
# What TensorFlow says where a tf.data service meets encoded audio that it cannot decode: behind records of samples,
# which is not seen at the beginning.
_CANNOT_CALL = "Could not find callback"


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


@tf.autograph.experimental.do_not_convert
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


def read_range(file: str, records: scanning.Range, num_channels: int = 1) -> Iterator[Dict[str, Any]]:
    """The parsed clips of successive records, as NumPy values: what `parsing.parse_clip` gives.

    Raises:
        UserError: a damaged record.
    """
    with named_errors([file]):
        for frame in itertools.islice(scanning.frames(file, records.first, records.offset), records.num_records):
            if frame.damage:
                raise UserError(scanning.first_damage([file]) or frame.damage)
            clip = _parsed_clip(tf.constant(frame.data), num_channels)
            yield {name: value.numpy() for name, value in clip.items()}


@tf.function(autograph=False, reduce_retracing=True)
def _parsed_clip(serialized: tf.Tensor, num_channels: int) -> Dict[str, tf.Tensor]:
    return parsing.parse_clip(serialized, num_channels)


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
        others = f" and {counted(len(files) - 1, 'other')}" if len(files) > 1 else ""
        raise UserError(scanning.first_damage(files) or f"no clip in {files[0]}{others}: all is empty.")
    return next(iter(formats))


def _first_clip(file: str) -> Optional[schema.Clip]:
    """The first undamaged record; a UserError where the file is none of clips."""
    for record in scanning.scan(file):
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
        for record in itertools.islice(scanning.scan(file), 1):
            problem = scanning.problem_of(record, with_frames=True)
            if record.clip is None or problem:
                raise UserError(problem)
            sizes.setdefault(record.clip.image_size, file)
    if len(sizes) != 1:
        texts = ", ".join(f"{size} in {file}" for size, file in sizes.items()) or "there is no record"
        raise UserError(f"frames must be of one size: {texts}")
    return next(iter(sizes))


@contextlib.contextmanager
def named_errors(files: Sequence[str], with_frames: bool = False) -> Iterator[None]:
    """Around code that reads records: an error from a damaged record becomes a UserError that names it.

    Args:
        files, with_frames: as for `first_damage`.
    """
    try:
        yield
    except (tf.errors.DataLossError, *parsing.REFUSED) as error:
        if _CANNOT_CALL in str(error):
            raise UserError(f"one of {len(files)} files {NEEDS_SAMPLES}") from error
        damage = scanning.first_damage(files, with_frames)
        if damage is None:
            raise
        raise UserError(damage) from error
