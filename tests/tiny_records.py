"""A few short clips of synthetic sound, as records."""

import dataclasses
import io
import math
import pathlib
from typing import List, Sequence

import numpy as np
import soundfile
import tensorflow as tf

from audioset_triplet.media import encodings
from audioset_triplet.records import schema


def make_clip(index: int, label: int = 0, seconds: float = 2.5, fold: int = 1, recording: str = "") -> schema.Clip:
    """A tone whose pitch tells the class, in noise; the same index gives the same sound."""
    random = np.random.default_rng(index)
    times = np.arange(round(seconds * 16000)) / 16000
    sound = 0.3 * np.sin(2 * np.pi * 300 * (1 + label) * times) + random.normal(0, 0.05, len(times))
    return schema.Clip(
        clip_id=f"clip{index}",
        recording_id=recording or f"recording{index}",
        start_seconds=0.0,
        end_seconds=seconds,
        labels=(label,),
        label_names=(f"class{label}",),
        fold=fold,
        pcm=np.round(sound * 32767).astype(np.int16),
    )


def make_encoded_clip(index: int, rate_hz: int = 16000) -> schema.Clip:
    """The samples of `make_clip`, as a FLAC file that says it has this rate."""
    clip, contents = make_clip(index), io.BytesIO()
    soundfile.write(contents, clip.pcm, rate_hz, format="FLAC")
    description = encodings.describe(contents.getvalue(), clip.sample_rate_hz)
    assert clip.pcm is not None and description is not None
    encoding, encoded_type, encoded_rate_hz = description
    return dataclasses.replace(
        clip,
        pcm=None,
        encoded=contents.getvalue(),
        encoding=encoding,
        encoded_type=encoded_type,
        encoded_rate_hz=encoded_rate_hz,
        encoded_num_samples=math.ceil(len(clip.pcm) * clip.sample_rate_hz / rate_hz),
    )


def make_clips(num_clips: int = 16, num_classes: int = 4, seconds: float = 2.5) -> List[schema.Clip]:
    """Clips of all classes in two folds."""
    return [make_clip(i, i % num_classes, seconds, fold=1 + i // num_classes % 2) for i in range(num_clips)]


def write(path: pathlib.Path, clips: Sequence[schema.Clip]) -> str:
    """Writes the clips to a TFRecord file and returns its path."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for clip in clips:
            writer.write(schema.clip_to_example(clip))
    return str(path)
