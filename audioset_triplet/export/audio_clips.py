"""The audio clips that are to be embedded: audio files, folders of them, or the clips of TFRecords."""

import dataclasses
import functools
import glob
import os
from typing import Callable, Iterator, List, NamedTuple, Optional, Protocol, Sequence, Tuple

import numpy as np

from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError
from audioset_triplet.files import is_text, printable
from audioset_triplet.media import audio_files, folder_walk, pcm
from audioset_triplet.media.folder_walk import LeftOut
from audioset_triplet.records import reading, schema


class AudioFormat(Protocol):
    """What a model or a front end takes."""

    @property
    def front_end_id(self) -> str: ...

    @property
    def sample_rate_hz(self) -> int: ...

    @property
    def num_channels(self) -> int: ...


@dataclasses.dataclass(frozen=True)
class AudioClip:
    """A clip and a way to read it: `read()` yields float32 blocks at the model's rate and may raise an AudioError."""

    clip: ClipInfo
    read: Callable[[], Iterator[np.ndarray]]


class AudioClips(NamedTuple):
    """Audio clips, one after the other, and what else is in the folder that was searched."""

    clips: Iterator[AudioClip]
    num_clips: Optional[int]  # None: not known before they are read
    left_out: LeftOut


def find(source: str, folds: Sequence[int], audio_format: AudioFormat) -> AudioClips:
    """The audio clips of a path.

    The id of a clip is its path in the folder, or in the folder that all files of a glob share.

    Args:
        source: an audio file, a folder of them (searched to any depth) or of TFRecords, or globs of either, separated
            by commas.
        folds: of TFRecords, only clips of these; empty: all.
        audio_format: to which files are decoded, and which records must have.

    Raises:
        UserError: no such file, records of another format, or folds with audio files, which have none.
    """
    left_out = LeftOut()
    if os.path.isdir(source):
        paths, left_out = _in_folder(source)
        root = source
    else:
        # The name of a file may hold commas and brackets, which a list of globs may not.
        paths = [source] if os.path.isfile(source) else _visible(reading.expand_globs(source), left_out)
        root = os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in paths])
    if all(".tfrecord" in os.path.basename(path) for path in paths):
        return AudioClips(record_clips(paths, folds, audio_format), None, left_out)
    if folds:
        raise UserError("--folds goes with TFRecords: audio files have no folds.")
    clip_ids = [os.path.relpath(path, root).replace(os.sep, "/") for path in paths]
    return AudioClips(file_clips(paths, clip_ids, audio_format), len(paths), left_out)


def _in_folder(folder: str) -> Tuple[List[str], LeftOut]:
    """The audio files of a folder, else the TFRecords that are directly in it, and what is left out."""
    found = folder_walk.find(folder)
    if found.files:
        return [file.path for file in found.files], found.left_out
    tfrecords = sorted(glob.glob(os.path.join(glob.escape(folder), "*.tfrecord")))
    if not tfrecords:
        rest = found.left_out.text()
        raise UserError(f"{folder}: no audio file in this folder" + (f"; it has {rest}" if rest else "."))
    return tfrecords, LeftOut()


def _visible(paths: Sequence[str], left_out: LeftOut) -> List[str]:
    """The matches of a glob without those that the search of a folder would leave out as hidden; never none of them."""
    visible = [path for path in paths if not folder_walk.is_hidden(os.path.basename(path))]
    for path in set(paths).difference(visible or paths):
        left_out.add("hidden files", path)
    return visible or list(paths)


def file_clips(paths: Sequence[str], clip_ids: Sequence[str], audio_format: AudioFormat) -> Iterator[AudioClip]:
    """Audio files, each a recording of its own."""
    decoded_format = {"sample_rate_hz": audio_format.sample_rate_hz, "num_channels": audio_format.num_channels}
    for path, clip_id in zip(paths, clip_ids):
        if not is_text(clip_id):  # the decoder rejects it by this name
            clip_id = printable(clip_id)
        yield AudioClip(ClipInfo(clip_id, clip_id), functools.partial(audio_files.stream, path, **decoded_format))


def record_clips(files: Sequence[str], folds: Sequence[int], audio_format: AudioFormat) -> Iterator[AudioClip]:
    """The clips of TFRecord files, in order, with their labels.

    Raises:
        UserError: a record of another format, or a damaged one.
    """
    taken = (audio_format.sample_rate_hz, audio_format.num_channels)
    reading.require_format(files, *taken, f"front end {audio_format.front_end_id}")
    with reading.named_errors(files):
        clips = reading.read_clips(files, folds, deterministic=True, num_channels=audio_format.num_channels)
        for clip in clips.as_numpy_iterator():
            info = ClipInfo(
                clip_id=clip["clip_id"].decode(),
                recording_id=clip["recording_id"].decode(),
                labels=tuple(int(label) for label in clip["labels"]),
                label_names=tuple(name.decode() for name in clip["label_names"]),
                fold=int(clip["fold"]),
                start_seconds=float(clip["start_seconds"]),
                end_seconds=float(clip["end_seconds"]),
            )
            stored = (int(clip["sample_rate_hz"]), int(clip["num_channels"]))
            if stored != taken:
                raise UserError(
                    f"clip {info.clip_id}: is {schema.format_text(*stored)}, and front end {audio_format.front_end_id} "
                    f"takes {schema.format_text(*taken)}: prepare it with --sample_rate_hz={taken[0]}."
                )
            yield AudioClip(info, functools.partial(iter, [pcm.to_waveform(clip["pcm"])]))
