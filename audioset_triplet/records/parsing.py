"""The record of a clip inside the graph; `records.schema` defines it."""

from typing import Dict, Mapping

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
    clip_name, version = _single(parsed["clip_id"]), _single(parsed["schema_version"])
    is_known = tf.reduce_any(tf.equal(version, schema.VERSIONS))
    checks = [tf.debugging.Assert(is_known, ["clip", clip_name, schema.wrong_version("another")])]
    for key, default in zip(schema.FORMAT_TYPES, schema.DEFAULT_FORMAT):
        parsed[key] = _default_in_version_1(version, default, parsed[key])
    for key in all_types:
        expected_count = _single(parsed[schema.LENGTHS[key]]) if key in schema.LENGTHS else 1
        problem = schema.wrong_count(key, "another number of")
        with tf.control_dependencies(checks):  # in this order, so that of several faults the same one is named
            is_complete = tf.equal(tf.size(parsed[key], tf.int64), expected_count)
            checks = [tf.debugging.Assert(is_complete, ["clip", clip_name, problem])]
    with tf.control_dependencies(checks):
        channels = _single(parsed["num_channels"])
        message = ["clip", clip_name, "has", channels, f"channels, not {num_channels}"]
        checks = [tf.debugging.Assert(tf.equal(channels, num_channels), message)]
    with tf.control_dependencies(checks):
        checked = {key: tf.identity(values) for key, values in parsed.items()}
    clip = {key: values if key in schema.LENGTHS else _single(values) for key, values in checked.items()}
    for key in schema.CHECK_KEYS:
        clip.pop(key, None)
    audio = {key: clip.pop(key) for key in schema.AUDIO_KEYS}
    clip["pcm"] = _samples(audio, clip["sample_rate_hz"], num_channels)
    return clip


def _default_in_version_1(version: tf.Tensor, default: int, values: tf.Tensor) -> tf.Tensor:
    """The values of a key that version 1 lacks, int64."""
    return tf.cond(tf.equal(version, 1), lambda: tf.constant([default], tf.int64), lambda: values)


def _single(values: tf.Tensor) -> tf.Tensor:
    """[1] -> []. Of no values or several it makes some value too, so that only the checks above can fail."""
    return tf.strings.reduce_join(values) if values.dtype == tf.string else tf.reduce_sum(values)


def _samples(audio: Dict[str, tf.Tensor], sample_rate_hz: tf.Tensor, num_channels: int) -> tf.Tensor:
    """int16 [L] or [L, num_channels] from the features of `schema.AUDIO_KEYS`."""
    shape = [None] if num_channels == 1 else [None, num_channels]

    def raw() -> tf.Tensor:
        samples = tf.io.decode_raw(audio["pcm"], tf.int16, little_endian=True)
        return tf.reshape(samples, [-1, *shape[1:]])

    def decoded() -> tf.Tensor:
        num_samples = tf.cast(audio["encoded_num_samples"], tf.int32)
        samples = decoding.decode(
            audio["encoded"],
            audio["encoding"],
            audio["encoded_type"],
            audio["encoded_rate_hz"],
            sample_rate_hz,
            num_channels,
        )[:num_samples]
        missing = num_samples - tf.shape(samples)[0]
        return tf.pad(samples, [[0, missing], *([0, 0] for _ in shape[1:])])

    is_pcm = tf.equal(tf.strings.length(audio["encoded"]), 0)
    return tf.ensure_shape(tf.cond(is_pcm, raw, decoded), shape)
