"""What a record holds that is not what a program reads, and which program does read it: for messages."""

from typing import Any, List, Mapping

from audioset_triplet import file_kinds
from audioset_triplet.records.framing import Example, SequenceExample

AUDIO_FEATURES = ("audio_embedding", "audio")  # the lists of AudioSet's and of YouTube-8M's feature records
NOT_RECORDS = "not a TFRecord file"
_MAX_KEYS = 8
_COMPRESSED = {"a gzip archive": "gzip", "a zstd archive": "zstd", "a bzip2 archive": "bzip2", "an xz archive": "xz"}


def describe_file(head: bytes) -> str:
    """What a file is that does not begin with a record; empty: a damaged one, perhaps.

    Args:
        head: its first `file_kinds.HEAD_BYTES`.
    """
    kind = file_kinds.describe_any(head)
    packed = "zlib" if _is_zlib(head) else _COMPRESSED.get(kind)
    if packed == "gzip":
        return f"{NOT_RECORDS} as it is: compressed with gzip: unpack it first (gunzip)"
    if packed:
        return f"{NOT_RECORDS} as it is: compressed with {packed}: unpack it first, or write it without compression"
    return "" if kind == file_kinds.UNKNOWN else f"{NOT_RECORDS} but {kind}"


def describe(data: bytes) -> str:
    """Such as `holds features …: experiments.import_features reads them`.

    Args:
        data: the bytes of a record.
    """
    lists = _parsed(SequenceExample, data, "feature_lists", "feature_list")
    features = _parsed(Example, data, "features", "feature")
    if any(name in lists for name in AUDIO_FEATURES):
        return "holds features of audio, not audio: experiments.import_features reads them"
    if lists:
        return f"holds the feature lists {_keys(lists)}, no audio and no features of audio: no program here reads them"
    if "pcm" in features and "schema_version" in features:
        return "holds a clip with its audio: experiments.embed and the training programs read it"
    if "mean_audio" in features:
        return (
            "holds one vector for a whole video, as YouTube-8M's video-level records do: of that data set "
            "experiments.import_features reads the frame-level records"
        )
    if features:
        return f"holds {_keys(features)}: not written by data_prep, whose programs make records of audio files"
    return "not a tf.train.Example"


def _parsed(message: Any, data: bytes, outer: str, inner: str) -> Mapping[str, Any]:
    """A map in a message; empty where the data are no such message."""
    try:
        return getattr(getattr(message.FromString(data), outer), inner)
    except Exception:  # protobuf's DecodeError
        return {}


def _keys(features: Mapping[str, Any]) -> str:
    """The keys with their types, such as `video_id (bytes)`."""
    keys: List[str] = []
    for key in sorted(features):
        is_feature = "kind" in features[key].DESCRIPTOR.oneofs_by_name
        kind = features[key].WhichOneof("kind") if is_feature else None
        keys.append(f"{key} ({kind[: -len('_list')]})" if kind else key)
    return ", ".join(keys[:_MAX_KEYS]) + (f" and {len(keys) - _MAX_KEYS} more" if len(keys) > _MAX_KEYS else "")


def _is_zlib(head: bytes) -> bool:
    return len(head) > 1 and head[0] == 0x78 and (head[0] << 8 | head[1]) % 31 == 0
