"""The record of a clip: one `tf.train.Example`, its only definition (`data.parsing` reads it in the graph).

Every feature is a list, as Examples have it; all but `labels` and `label_names` hold exactly one value, and those two
hold `num_labels` (without that number a missing list of labels would pass for a clip without labels).

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
"""

import dataclasses
import re
from typing import Any, Dict, Optional, Tuple

import numpy as np

from audioset_triplet.data.tfrecord import Example
from audioset_triplet.errors import UserError

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
LISTS = ("labels", "label_names")
SOUND_KEYS = ("pcm", "encoded", "encoding", "encoded_type", "encoded_rate_hz", "encoded_num_samples")
_FIELDS = {"int64": "int64_list", "float32": "float_list", "string": "bytes_list"}


class SchemaError(UserError):
    """A record that this version of the project cannot use; the message names the clip and the key."""


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
    """One clip, with its sound either as samples (`pcm`) or as a file's own bytes (`encoded` and what describes it)."""

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

    def __post_init__(self) -> None:
        if (self.pcm is None) == (not self.encoded):
            raise ValueError(f"clip {self.clip_id}: needs either pcm or encoded sound")
        if self.pcm is not None and (self.pcm.dtype != np.int16 or self.pcm.ndim != 1 or not self.pcm.size):
            raise ValueError(f"clip {self.clip_id}: pcm must be int16 [L], not {self.pcm.dtype} {self.pcm.shape}")
        if len(self.labels) != len(self.label_names) or list(self.labels) != sorted(set(self.labels)):
            raise ValueError(f"clip {self.clip_id}: labels must be ascending, with a name each")

    @property
    def num_samples(self) -> int:
        """Length at 16 kHz."""
        return self.encoded_num_samples if self.pcm is None else len(self.pcm)


def clip_to_example(clip: Clip) -> bytes:
    """The serialized Example; equal clips give equal bytes."""
    values: Dict[str, Any] = dict(vars(clip), schema_version=SCHEMA_VERSION, num_labels=len(clip.labels))
    values["pcm"] = b"" if clip.pcm is None else clip.pcm.astype("<i2").tobytes()
    example = Example()
    for key, dtype in TYPES.items():
        items = values[key] if key in LISTS else [values[key]]
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
    for key, dtype in TYPES.items():
        items = list(getattr(features[key], _FIELDS[dtype]).value) if key in features else []
        if len(items) != (values["num_labels"] if key in LISTS else 1):
            raise SchemaError(f"clip {clip_id}: {wrong_count(key, len(items))}")
        values[key] = items if key in LISTS else items[0]
        if key == "schema_version" and values[key] != SCHEMA_VERSION:
            raise SchemaError(f"clip {clip_id}: {wrong_version(values[key])}")
    del values["schema_version"], values["num_labels"]
    try:
        for key in ("clip_id", "recording_id", "encoding", "encoded_type"):
            values[key] = values[key].decode()
        values["label_names"] = tuple(name.decode() for name in values["label_names"])
        values["labels"] = tuple(values["labels"])
        values["pcm"] = None if values["encoded"] else np.frombuffer(values["pcm"], "<i2").astype(np.int16)
        return Clip(**values)
    except ValueError as error:
        raise SchemaError(re.sub(r"^(?!clip )", f"clip {clip_id}: ", str(error))) from error


def wrong_version(found: Any) -> str:
    return f"schema_version is {found}, this code reads {SCHEMA_VERSION}: prepare the records again"


def wrong_count(key: str, found: Any) -> str:
    wanted = "num_labels" if key in LISTS else "1"
    return f"key {key!r} holds {found} values of type {TYPES[key]} instead of {wanted}"
