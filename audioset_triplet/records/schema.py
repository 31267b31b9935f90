"""The record of a clip: one `tf.train.Example`, its only definition (`records.parsing` reads it in the graph).

Every feature is a list, as Examples have it. Labels and frames hold as many values as `num_labels` and `num_frames` say
(without these numbers a missing list would look like a clip without labels), all others hold exactly one.

    schema_version  int64     1: 16 kHz mono; 2: has the two keys below
    clip_id         bytes     unique in a data set
    recording_id    bytes     clips cut from one recording share it
    start_seconds, end_seconds  float   where in the recording the clip lies
    num_labels      int64
    labels          int64     class indices, ascending
    label_names     bytes     their names, in the same order
    fold            int64     -1: none
    pcm             bytes     int16 little-endian, channels interleaved; empty where `encoded` is set
    encoded         bytes     instead of `pcm`: the bytes of an audio file
    encoding, encoded_type    bytes     from `media.encodings.describe`
    encoded_rate_hz int64     sample rate of that file
    encoded_num_samples  int64    length at the rate of the record, to which decoded audio is padded or trimmed

Records of another format than 16 kHz mono have version 2 and two more keys. Every other record keeps version 1, and the
bytes that it had before there was a version 2.

    sample_rate_hz  int64
    num_channels    int64

Clips of videos have images, and with them four more keys, in either version. A reader of the audio alone ignores the
four; a reader of images gets an error that names the missing key.

    num_frames      int64
    image_size      int64     pixels of each side of all frames
    frames          bytes     images in JPEG
    frame_seconds   float     when each is shown, from the start of the clip on, ascending
"""

import dataclasses
import math
import re
from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.records import contents
from audioset_triplet.records.framing import Example

DEFAULT_FORMAT = (16000, 1)  # sample rate in Hz and channels of records of version 1
VERSIONS = (1, 2)
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
FORMAT_TYPES: Dict[str, str] = {"sample_rate_hz": "int64", "num_channels": "int64"}  # of version 2
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
AUDIO_KEYS = ("pcm", "encoded", "encoding", "encoded_type", "encoded_rate_hz", "encoded_num_samples")
CHECK_KEYS = ("schema_version", "num_labels", "num_frames")  # only there for checks
_ALL_TYPES = {**TYPES, **FORMAT_TYPES, **FRAME_TYPES}
_FIELDS = {"int64": "int64_list", "float32": "float_list", "string": "bytes_list"}


class SchemaError(UserError):
    """A record that this version of the project cannot use; the message names the clip and the key."""


class ForeignRecordError(SchemaError):
    """A record that is not one of clips; the message says what it holds."""


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
    """One clip, with its audio either as samples (`pcm`) or as the bytes of a file (`encoded` and what describes it).

    A clip of a video has an `image_size`, and frames; there may be none where the video shows nothing.
    """

    clip_id: str
    recording_id: str
    start_seconds: float
    end_seconds: float
    labels: Tuple[int, ...]
    label_names: Tuple[str, ...]
    fold: int
    pcm: Optional[np.ndarray]  # int16 [L] of one channel, else [L, num_channels]
    encoded: bytes = b""
    encoding: str = ""
    encoded_type: str = ""
    encoded_rate_hz: int = 0
    encoded_num_samples: int = 0
    frames: Tuple[bytes, ...] = ()
    frame_seconds: Tuple[float, ...] = ()
    image_size: int = 0  # 0: audio alone
    sample_rate_hz: int = DEFAULT_FORMAT[0]
    num_channels: int = DEFAULT_FORMAT[1]

    def __post_init__(self) -> None:
        if (self.pcm is None) == (not self.encoded):
            raise ValueError(f"clip {self.clip_id}: needs either pcm or encoded audio")
        if self.sample_rate_hz < 1 or self.num_channels < 1:
            raise ValueError(f"clip {self.clip_id}: {self.num_channels} channels of {self.sample_rate_hz} Hz")
        if self.pcm is not None:
            shape = self.pcm.shape[:1] if self.num_channels == 1 else (*self.pcm.shape[:1], self.num_channels)
            if self.pcm.dtype != np.int16 or self.pcm.shape != shape or not self.pcm.size:
                expected = "int16 [L]" if self.num_channels == 1 else f"int16 [L, {self.num_channels}]"
                raise ValueError(f"clip {self.clip_id}: pcm must be {expected}, not {self.pcm.dtype} {self.pcm.shape}")
        if len(self.labels) != len(self.label_names) or list(self.labels) != sorted(set(self.labels)):
            raise ValueError(f"clip {self.clip_id}: labels must be ascending, with a name each")
        times = self.frame_seconds
        if len(self.frames) != len(times) or not all(a < b for a, b in zip((-1.0, *times), (*times, math.inf))):
            raise ValueError(f"clip {self.clip_id}: frames must have times that ascend, one each")
        if min(times, default=0.0) < 0 or self.image_size < (1 if self.frames else 0):
            raise ValueError(f"clip {self.clip_id}: frames need a size, and times from 0 on")

    @property
    def num_samples(self) -> int:
        """Length in samples of one channel, at the rate of the record."""
        return self.encoded_num_samples if self.pcm is None else len(self.pcm)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate_hz


def version_of(sample_rate_hz: int, num_channels: int) -> int:
    """The schema version of records of this format."""
    return 1 if (sample_rate_hz, num_channels) == DEFAULT_FORMAT else 2


def format_text(sample_rate_hz: int, num_channels: int) -> str:
    """Such as `16 kHz mono`."""
    channels = {1: "mono", 2: "stereo"}.get(num_channels, f"with {num_channels} channels")
    return f"{sample_rate_hz / 1000:g} kHz {channels}"


def clip_to_example(clip: Clip) -> bytes:
    """The serialized Example; equal clips give equal bytes."""
    version = version_of(clip.sample_rate_hz, clip.num_channels)
    values: Dict[str, Any] = dict(vars(clip), schema_version=version)
    values.update(num_labels=len(clip.labels), num_frames=len(clip.frames))
    values["pcm"] = b"" if clip.pcm is None else clip.pcm.astype("<i2").tobytes()
    example = Example()
    for key, dtype in _types(version, bool(clip.image_size)).items():
        items = values[key] if key in LENGTHS else [values[key]]
        encoded = [item.encode() if isinstance(item, str) else item for item in items]
        getattr(example.features.feature[key], _FIELDS[dtype]).value.extend(encoded)
    return example.SerializeToString(deterministic=True)


def clip_from_example(serialized: bytes) -> Clip:
    """The inverse of `clip_to_example`.

    Raises:
        SchemaError: not a record of a clip (a ForeignRecordError), an unknown schema version, or a key that is missing
            or of another type.
    """
    try:
        features = Example.FromString(serialized).features.feature
    except Exception as error:  # protobuf's DecodeError
        raise ForeignRecordError(contents.describe(serialized)) from error
    if "clip_id" not in features and "schema_version" not in features:
        raise ForeignRecordError(contents.describe(serialized))
    clip_id = b"".join(features["clip_id"].bytes_list.value).decode(errors="replace") if "clip_id" in features else "?"
    try:
        return _clip_from_features(features)
    except (SchemaError, ValueError) as error:
        raise SchemaError(re.sub(r"^(?!clip )", f"clip {clip_id}: ", str(error))) from error


def is_plain(serialized: bytes) -> bool:
    """Whether an Example holds what its message defines and nothing else, each key once, as writers leave it.

    Protobuf skips fields that it does not know, and merges those that come twice.
    """
    return Example.FromString(serialized).ByteSize() == len(serialized)


def _clip_from_features(features: Mapping[str, Any]) -> Clip:
    """The clip; errors need not name it."""
    version = _values(features, "schema_version", 1)[0]
    if version not in VERSIONS:
        raise SchemaError(wrong_version(version))
    values: Dict[str, Any] = {}
    for key in _types(version, has_frames=any(key in features for key in FRAME_TYPES)):
        items = _values(features, key, values[LENGTHS[key]] if key in LENGTHS else 1)
        values[key] = tuple(items) if key in LENGTHS else items[0]
    for key in CHECK_KEYS:
        values.pop(key, None)
    for key in ("clip_id", "recording_id", "encoding", "encoded_type"):
        values[key] = values[key].decode()
    values["label_names"] = tuple(name.decode() for name in values["label_names"])
    values["pcm"] = None if values["encoded"] else _samples(values["pcm"], values.get("num_channels", 1))
    return Clip(**values)


def _types(version: int, has_frames: bool) -> Dict[str, str]:
    """Key -> type, of a record of some version, with images or without."""
    return {**TYPES, **(FORMAT_TYPES if version > 1 else {}), **(FRAME_TYPES if has_frames else {})}


def _values(features: Mapping[str, Any], key: str, expected_count: int) -> List[Any]:
    """The values of a key.

    Raises:
        SchemaError: they are more or less than expected.
    """
    items = list(getattr(features[key], _FIELDS[_ALL_TYPES[key]]).value) if key in features else []
    if len(items) != expected_count:
        raise SchemaError(wrong_count(key, len(items)))
    return items


def _samples(pcm: bytes, num_channels: int) -> np.ndarray:
    """int16 [L] of one channel, else [L, num_channels].

    Raises:
        ValueError: the bytes are no whole number of samples.
    """
    samples = np.frombuffer(pcm, "<i2").astype(np.int16)
    return samples if num_channels == 1 else samples.reshape(-1, num_channels)


def wrong_version(version: Any) -> str:
    """The text of an error about a record of a version that this code does not read."""
    return f"schema_version is {version}, this code reads {' and '.join(map(str, VERSIONS))}: prepare the records again"


def wrong_count(key: str, count: Any) -> str:
    """The text of an error about a key that is missing, or has too few or too many values, or another type."""
    return f"key {key!r} holds {count} values of type {_ALL_TYPES[key]} instead of {LENGTHS.get(key, 1)}"
