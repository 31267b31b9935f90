"""The record of a clip inside the graph; `records.schema` defines it."""

from typing import Dict, Mapping, Sequence

import tensorflow as tf

from audioset_triplet.media import decoding
from audioset_triplet.records import schema

# What an Example that cannot be parsed raises: the message quotes its bytes, which may be no text.
REFUSED = (tf.errors.InvalidArgumentError, UnicodeDecodeError)


@tf.autograph.experimental.do_not_convert
def parse_clip(serialized: tf.Tensor, num_channels: int = 1) -> Dict[str, tf.Tensor]:
    """One record, in the graph.

    Args:
        serialized: string [].
        num_channels: of the record; it decides the shape of `pcm`.

    Returns:
        clip_id, recording_id: string []; start_seconds, end_seconds: float32 []; fold, sample_rate_hz, num_channels:
        int64 []; labels: int64 [n]; label_names: string [n]; pcm: int16 [L] of one channel, else [L, num_channels],
        decoded where the record holds encoded audio.

    Raises:
        tf.errors.InvalidArgumentError: when run, on an unknown schema version, a missing key, or another number of
            channels; the message names the clip and the key (`reading.named_errors` turns it into a line that names the
            file too).
    """
    return _parse(serialized, schema.TYPES, num_channels)


@tf.autograph.experimental.do_not_convert
def parse_audiovisual_clip(serialized: tf.Tensor, num_channels: int = 1) -> Dict[str, tf.Tensor]:
    """One record of a clip with images, in the graph.

    The frames stay encoded, so that a caller decodes only those that it needs (`decode_frame`).

    Args:
        serialized: string [].
        num_channels: as for `parse_clip`.

    Returns:
        As `parse_clip`, and frames: string [P], each a JPEG; frame_seconds: float32 [P], ascending, from the start of
        the clip on; image_size: int64 []. P may be 0: where a video shows nothing.

    Raises:
        tf.errors.InvalidArgumentError: as `parse_clip`; a record of audio alone lacks `num_frames`.
    """
    return _parse(serialized, {**schema.TYPES, **schema.FRAME_TYPES}, num_channels)


def is_example(serialized: bytes) -> bool:
    """Whether TensorFlow's parser, which is stricter than protobuf, takes bytes for an Example, whatever it holds."""
    try:
        tf.io.parse_single_example(serialized, {"clip_id": tf.io.FixedLenSequenceFeature([], tf.string, True)})
    except REFUSED:
        return False
    return True


def decode_frame(frame: tf.Tensor, image_size: int) -> tf.Tensor:
    """uint8 [image_size, image_size, 3], RGB, of one frame (string []).

    Raises:
        tf.errors.InvalidArgumentError: when run, on bytes that are no JPEG, or an image of another size.
    """
    image = tf.io.decode_jpeg(frame, channels=3)
    return tf.ensure_shape(image, [image_size, image_size, 3])


def _parse(serialized: tf.Tensor, types: Mapping[str, str], num_channels: int) -> Dict[str, tf.Tensor]:
    """The features of some types, checked, with the audio as samples."""
    # Parsed as lists, because a missing key is then an empty list instead of an error without the clip's name.
    all_types = {**types, **schema.FORMAT_TYPES}
    features = {key: tf.io.FixedLenSequenceFeature([], tf.as_dtype(kind), True) for key, kind in all_types.items()}
    parsed = tf.io.parse_single_example(serialized, features)
    clip_name, version = _sum(parsed["clip_id"]), _sum(parsed["schema_version"])
    parsed.update(_format(version, parsed))
    is_known = tf.reduce_any(tf.equal(version, schema.VERSIONS))
    checks = [tf.debugging.Assert(is_known, ["clip", clip_name, schema.wrong_version("another")])]
    with tf.control_dependencies(checks):  # in this order, so that of several faults the same one is named
        checks = [_check_counts(parsed, list(all_types), clip_name)]
    with tf.control_dependencies(checks):
        channels = _sum(parsed["num_channels"])
        message = ["clip", clip_name, "has", channels, f"channels, not {num_channels}"]
        checks = [tf.debugging.Assert(tf.equal(channels, num_channels), message)]
    with tf.control_dependencies(checks):
        checked = {key: tf.identity(values) for key, values in parsed.items()}
    for key in schema.CHECK_KEYS:
        checked.pop(key, None)
    audio = {key: checked.pop(key) for key in schema.AUDIO_KEYS}
    clip = {key: values if key in schema.LENGTHS else _sum(values) for key, values in checked.items()}
    clip["pcm"] = _samples(audio, clip["sample_rate_hz"], num_channels)
    return clip


def _format(version: tf.Tensor, parsed: Mapping[str, tf.Tensor]) -> Dict[str, tf.Tensor]:
    """The values of the keys that version 1 lacks, int64."""
    of_version_1 = dict(zip(schema.FORMAT_TYPES, schema.DEFAULT_FORMAT))
    return tf.cond(
        tf.equal(version, 1),
        lambda: {key: tf.constant([value], tf.int64) for key, value in of_version_1.items()},
        lambda: {key: parsed[key] for key in of_version_1},
    )


def _check_counts(parsed: Mapping[str, tf.Tensor], keys: Sequence[str], clip_name: tf.Tensor) -> tf.Operation:
    """Fails where a key has another number of values than it should; the message names the first such key.

    One check of all keys: a check for each costs more than to read the record.
    """
    counts = tf.stack([tf.size(parsed[key], tf.int64) for key in keys])
    one = tf.constant(1, tf.int64)
    expected = tf.stack([_sum(parsed[schema.LENGTHS[key]]) if key in schema.LENGTHS else one for key in keys])
    is_wrong = tf.not_equal(counts, expected)
    problems = tf.constant([schema.wrong_count(key, "another number of") for key in keys])
    problem = tf.gather(problems, tf.argmax(tf.cast(is_wrong, tf.int32)))
    return tf.debugging.Assert(~tf.reduce_any(is_wrong), ["clip", clip_name, problem])


def _sum(values: tf.Tensor) -> tf.Tensor:
    """The value of one, [1] -> []. It takes none and several too: TensorFlow may compute it before the checks."""
    return tf.strings.reduce_join(values) if values.dtype == tf.string else tf.reduce_sum(values)


def _samples(audio: Dict[str, tf.Tensor], sample_rate_hz: tf.Tensor, num_channels: int) -> tf.Tensor:
    """int16 [L] or [L, num_channels] from the features of `schema.AUDIO_KEYS`, [1] each."""
    shape = [None] if num_channels == 1 else [None, num_channels]

    def raw() -> tf.Tensor:
        samples = tf.io.decode_raw(audio["pcm"], tf.int16, little_endian=True)  # not of `_sum`, which is a copy
        return tf.reshape(samples, [-1, *shape[1:]])

    def decoded() -> tf.Tensor:
        file = {key: _sum(values) for key, values in audio.items() if key != "pcm"}
        num_samples = tf.cast(file["encoded_num_samples"], tf.int32)
        samples = decoding.decode(
            file["encoded"],
            file["encoding"],
            file["encoded_type"],
            file["encoded_rate_hz"],
            sample_rate_hz,
            num_channels,
        )[:num_samples]
        missing = num_samples - tf.shape(samples)[0]
        return tf.pad(samples, [[0, missing], *([0, 0] for _ in shape[1:])])

    is_pcm = tf.reduce_all(tf.equal(tf.strings.length(audio["encoded"]), 0))
    return tf.ensure_shape(tf.cond(is_pcm, raw, decoded), shape)
