"""The record of a clip: one `tf.train.Example`, its only definition (`data.parsing` reads it in the graph).

Every feature is a list, as Examples have it. Labels and frames hold as many values as `num_labels` and `num_frames` say
(without these numbers a missing list would pass for a clip that has none), all others hold exactly one.

    schema_version  int64     1
    clip_id         bytes     unique in a data set
    recording_id    bytes     clips cut from one recording share it
    start_seconds, end_seconds  float   where in the recording the clip lies
    num_labels      int64
    labels          int64     class indices, ascending
    label_names     bytes     their names, in the same order
    fold            int64     -1: none
    pcm             bytes     int16 little-endian, mono, 16 kHz; empty where `encoded` is set
    encoded         bytes     instead of `pcm`: the bytes of a sound file
    encoding, encoded_type    bytes     what `data.encodings.describe` says of it
    encoded_rate_hz int64
    encoded_num_samples  int64    length at 16 kHz, to which the decoded sound is padded with silence or trimmed

Clips of videos have pictures, and with them four keys that other clips lack. The version is that of both: who reads
sound alone passes over the four, and who needs pictures misses them by name.

    num_frames      int64
    image_size      int64     pixels of each side of all frames
    frames          bytes     pictures in JPEG
    frame_seconds   float     when each is shown, from the start of the clip on, ascending
"""

import dataclasses
import math
import re
from typing import Any, Dict, Optional, Tuple

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.records.framing import Example

SCHEMA_VERSION = 1
NO_FOLD = -1  # the `fold` of a clip that is in none

# Key -> type of its values, as TensorFlow names it.
TYPES: Dict[str, str] = {
    "schema_version": "int64",
    "clip_id": "string",
    "recording_id": "string",
    "start_seconds": "float32",
    "end_seconds": "float32",
    "num_labels": "int64",
    "labels": "int64",
    "label_names": "string",
    "fold": "int64",
    "pcm": "string",
    "encoded": "string",
    "encoding": "string",
    "encoded_type": "string",
    "encoded_rate_hz": "int64",
    "encoded_num_samples": "int64",
}
FRAME_TYPES: Dict[str, str] = {
    "num_frames": "int64",
    "image_size": "int64",
    "frames": "string",
    "frame_seconds": "float32",
}
# Key of a list -> key of the number of its values.
LENGTHS: Dict[str, str] = {
    "labels": "num_labels",
    "label_names": "num_labels",
    "frames": "num_frames",
    "frame_seconds": "num_frames",
}
SOUND_KEYS = ("pcm", "encoded", "encoding", "encoded_type", "encoded_rate_hz", "encoded_num_samples")
NOT_KEPT = ("schema_version", "num_labels", "num_frames")  # keys that are there for checks alone
_ALL_TYPES = {**TYPES, **FRAME_TYPES}
_FIELDS = {"int64": "int64_list", "float32": "float_list", "string": "bytes_list"}


class SchemaError(UserError):
    """A record that this version of the project cannot use; the message names the clip and the key."""


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
    """One clip, with its sound either as samples (`pcm`) or as a file's own bytes (`encoded` and what describes it).

    One of a video has an `image_size`, and frames, of which there may be none where the video shows nothing.
    """

    clip_id: str
    recording_id: str
    start_seconds: float
    end_seconds: float
    labels: Tuple[int, ...]
    label_names: Tuple[str, ...]
    fold: int
    pcm: Optional[np.ndarray]  # int16 [L], mono, 16 kHz
    encoded: bytes = b""
    encoding: str = ""
    encoded_type: str = ""
    encoded_rate_hz: int = 0
    encoded_num_samples: int = 0
    frames: Tuple[bytes, ...] = ()
    frame_seconds: Tuple[float, ...] = ()
    image_size: int = 0  # 0: of sound alone

    def __post_init__(self) -> None:
        if (self.pcm is None) == (not self.encoded):
            raise ValueError(f"clip {self.clip_id}: needs either pcm or encoded sound")
        if self.pcm is not None and (self.pcm.dtype != np.int16 or self.pcm.ndim != 1 or not self.pcm.size):
            raise ValueError(f"clip {self.clip_id}: pcm must be int16 [L], not {self.pcm.dtype} {self.pcm.shape}")
        if len(self.labels) != len(self.label_names) or list(self.labels) != sorted(set(self.labels)):
            raise ValueError(f"clip {self.clip_id}: labels must be ascending, with a name each")
        times = self.frame_seconds
        if len(self.frames) != len(times) or not all(a < b for a, b in zip((-1.0, *times), (*times, math.inf))):
            raise ValueError(f"clip {self.clip_id}: frames must have times that ascend, one each")
        if min(times, default=0.0) < 0 or self.image_size < (1 if self.frames else 0):
            raise ValueError(f"clip {self.clip_id}: frames need a size, and times from 0 on")

    @property
    def num_samples(self) -> int:
        """Length at 16 kHz."""
        return self.encoded_num_samples if self.pcm is None else len(self.pcm)


def clip_to_example(clip: Clip) -> bytes:
    """The serialized Example; equal clips give equal bytes."""
    values: Dict[str, Any] = dict(vars(clip), schema_version=SCHEMA_VERSION)
    values.update(num_labels=len(clip.labels), num_frames=len(clip.frames))
    values["pcm"] = b"" if clip.pcm is None else clip.pcm.astype("<i2").tobytes()
    example = Example()
    for key, dtype in (_ALL_TYPES if clip.image_size else TYPES).items():
        items = values[key] if key in LENGTHS else [values[key]]
        encoded = [item.encode() if isinstance(item, str) else item for item in items]
        getattr(example.features.feature[key], _FIELDS[dtype]).value.extend(encoded)
    return example.SerializeToString(deterministic=True)


def clip_from_example(serialized: bytes) -> Clip:
    """The inverse of `clip_to_example`.

    Raises:
        SchemaError: not an Example, another schema version, or a key that is missing or of another type.
    """
    try:
        features = Example.FromString(serialized).features.feature
    except Exception as error:  # protobuf's DecodeError
        raise SchemaError("not a tf.train.Example") from error
    clip_id = b"".join(features["clip_id"].bytes_list.value).decode(errors="replace") if "clip_id" in features else "?"
    values: Dict[str, Any] = {}
    has_frames = any(key in features for key in FRAME_TYPES)
    for key, dtype in (_ALL_TYPES if has_frames else TYPES).items():
        items = list(getattr(features[key], _FIELDS[dtype]).value) if key in features else []
        if len(items) != (values[LENGTHS[key]] if key in LENGTHS else 1):
            raise SchemaError(f"clip {clip_id}: {wrong_count(key, len(items))}")
        values[key] = tuple(items) if key in LENGTHS else items[0]
        if key == "schema_version" and values[key] != SCHEMA_VERSION:
            raise SchemaError(f"clip {clip_id}: {wrong_version(values[key])}")
    for key in NOT_KEPT:
        values.pop(key, None)
    try:
        for key in ("clip_id", "recording_id", "encoding", "encoded_type"):
            values[key] = values[key].decode()
        values["label_names"] = tuple(name.decode() for name in values["label_names"])
        values["pcm"] = None if values["encoded"] else np.frombuffer(values["pcm"], "<i2").astype(np.int16)
        return Clip(**values)
    except ValueError as error:
        raise SchemaError(re.sub(r"^(?!clip )", f"clip {clip_id}: ", str(error))) from error


def wrong_version(found: Any) -> str:
    return f"schema_version is {found}, this code reads {SCHEMA_VERSION}: prepare the records again"


def wrong_count(key: str, found: Any) -> str:
    return f"key {key!r} holds {found} values of type {_ALL_TYPES[key]} instead of {LENGTHS.get(key, 1)}"
