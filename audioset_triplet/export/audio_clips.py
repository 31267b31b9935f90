"""The sounds that are to be embedded: files, folders of them, or the clips of TFRecords."""

import dataclasses
import functools
import glob
import os
from typing import Callable, Iterator, NamedTuple, Optional, Sequence

import numpy as np

from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError
from audioset_triplet.frontend import constants
from audioset_triplet.media import audio_files
from audioset_triplet.records import reading


@dataclasses.dataclass(frozen=True)
class Sound:
    """A clip and a way to read it: `read()` yields float32 blocks at 16 kHz and may raise an AudioError."""

    clip: ClipInfo
    read: Callable[[], Iterator[np.ndarray]]


class Sounds(NamedTuple):
    """Sounds, one after the other."""

    sounds: Iterator[Sound]
    number: Optional[int]  # None: not known before they are read


def find(source: str, folds: Sequence[int]) -> Sounds:
    """What is meant by a path.

    Clips are known by their path in the folder, or in the one that all files of a glob share.

    Args:
        source: a sound file, a folder of them (searched to any depth) or of TFRecords, or globs of either, separated by
            commas.
        folds: of TFRecords, only clips of these; empty: all.

    Raises:
        UserError: nothing is there, or there are folds to choose from sound files, which have none.
    """
    if os.path.isdir(source):
        paths = [str(path) for path in audio_files.find_audio_files(source)]
        if not paths:
            tfrecords = sorted(glob.glob(os.path.join(glob.escape(source), "*.tfrecord")))
            if tfrecords:
                return Sounds(record_sounds(tfrecords, folds), None)
            raise UserError(f"{source}: no sound file in this folder.")
        root = source
    else:
        # The name of a file may hold commas and brackets, which a list of globs may not.
        paths = [source] if os.path.isfile(source) else reading.expand_globs(source)
        if all(".tfrecord" in os.path.basename(path) for path in paths):
            return Sounds(record_sounds(paths, folds), None)
        root = os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in paths])
    if folds:
        raise UserError("--folds goes with TFRecords: sound files have no folds.")
    clip_ids = [os.path.relpath(path, root).replace(os.sep, "/") for path in paths]
    return Sounds(file_sounds(paths, clip_ids), len(paths))


def file_sounds(paths: Sequence[str], clip_ids: Sequence[str]) -> Iterator[Sound]:
    """Sound files, each a recording of its own."""
    for path, clip_id in zip(paths, clip_ids):
        yield Sound(
            ClipInfo(clip_id, clip_id),
            functools.partial(audio_files.stream, path, sample_rate_hz=constants.SAMPLE_RATE_HZ),
        )


def record_sounds(files: Sequence[str], folds: Sequence[int]) -> Iterator[Sound]:
    """The clips of TFRecord files, in order, with their labels."""
    with reading.named_errors(files):
        for clip in reading.read_clips(files, folds, deterministic=True).as_numpy_iterator():
            info = ClipInfo(
                clip_id=clip["clip_id"].decode(),
                recording_id=clip["recording_id"].decode(),
                labels=tuple(int(label) for label in clip["labels"]),
                label_names=tuple(name.decode() for name in clip["label_names"]),
                fold=int(clip["fold"]),
                start_seconds=float(clip["start_seconds"]),
                end_seconds=float(clip["end_seconds"]),
            )
            waveform = clip["pcm"].astype(np.float32) / np.float32(constants.PCM_SCALE)
            yield Sound(info, functools.partial(iter, [waveform]))
