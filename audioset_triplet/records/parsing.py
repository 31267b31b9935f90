"""The record of a clip inside the graph; `data.schema` defines it."""

from typing import Dict, Mapping

import tensorflow as tf

from audioset_triplet.media import decoding
from audioset_triplet.records import schema


def parse_clip(serialized: tf.Tensor) -> Dict[str, tf.Tensor]:
    """One record, in the graph.

    Args:
        serialized: string [].

    Returns:
        clip_id, recording_id: string []; start_seconds, end_seconds: float32 []; fold: int64 []; labels: int64 [n];
        label_names: string [n]; pcm: int16 [L], decoded where the record holds encoded sound.

    Raises:
        tf.errors.InvalidArgumentError: when run, on another schema version or a missing key; the message names the
            clip and the key (`data.records.named_errors` makes a line of it that names the file too).
    """
    return _parse(serialized, schema.TYPES)


def parse_audiovisual_clip(serialized: tf.Tensor) -> Dict[str, tf.Tensor]:
    """One record of a clip with pictures, in the graph.

    The frames stay encoded, so that who needs one of them decodes one (`decode_frame`).

    Args:
        serialized: string [].

    Returns:
        As `parse_clip`, and frames: string [P], each a JPEG; frame_seconds: float32 [P], ascending, from the start of
        the clip on; image_size: int64 []. P may be 0: where a video shows nothing.

    Raises:
        tf.errors.InvalidArgumentError: as `parse_clip`; a record of sound alone lacks `num_frames`.
    """
    return _parse(serialized, {**schema.TYPES, **schema.FRAME_TYPES})


def decode_frame(frame: tf.Tensor, image_size: int) -> tf.Tensor:
    """uint8 [image_size, image_size, 3], RGB, of one frame (string []).

    Raises:
        tf.errors.InvalidArgumentError: when run, on bytes that are no JPEG, or a picture of another size.
    """
    image = tf.io.decode_jpeg(frame, channels=3)
    return tf.ensure_shape(image, [image_size, image_size, 3])


def _parse(serialized: tf.Tensor, types: Mapping[str, str]) -> Dict[str, tf.Tensor]:
    """The features of some types, checked, with the sound as samples."""
    # Parsed as lists, because a missing key is then an empty list instead of an error without the clip's name.
    features = {key: tf.io.FixedLenSequenceFeature([], tf.as_dtype(kind), True) for key, kind in types.items()}
    parsed = tf.io.parse_single_example(serialized, features)
    clip_name = _the_only(parsed["clip_id"])
    version_known = tf.reduce_all(tf.equal(parsed["schema_version"], schema.SCHEMA_VERSION))
    checks = [tf.debugging.Assert(version_known, ["clip", clip_name, schema.wrong_version("another")])]
    with tf.control_dependencies(checks):
        for key in types:
            num_values = tf.size(parsed[key], tf.int64)
            wanted = _the_only(parsed[schema.LENGTHS[key]]) if key in schema.LENGTHS else 1
            complete = tf.equal(num_values, wanted)
            checks.append(
                tf.debugging.Assert(complete, ["clip", clip_name, schema.wrong_count(key, "another number of")])
            )
    with tf.control_dependencies(checks):
        checked = {key: tf.identity(values) for key, values in parsed.items()}
    clip = {key: values if key in schema.LENGTHS else _the_only(values) for key, values in checked.items()}
    for key in schema.NOT_KEPT:
        clip.pop(key, None)
    clip["pcm"] = _samples({key: clip.pop(key) for key in schema.SOUND_KEYS})
    return clip


def _the_only(values: tf.Tensor) -> tf.Tensor:
    """[1] -> []; of no values or of several it makes something too, so that only the checks above can fail."""
    return tf.strings.reduce_join(values) if values.dtype == tf.string else tf.reduce_sum(values)


def _samples(sound: Dict[str, tf.Tensor]) -> tf.Tensor:
    """int16 [L] from the features of `schema.SOUND_KEYS`."""

    def decoded() -> tf.Tensor:
        samples = decoding.decode(sound["encoded"], sound["encoding"], sound["encoded_type"], sound["encoded_rate_hz"])[
            : sound["encoded_num_samples"]
        ]
        return tf.pad(samples, [[0, tf.cast(sound["encoded_num_samples"], tf.int32) - tf.size(samples)]])

    is_pcm = tf.equal(tf.strings.length(sound["encoded"]), 0)
    samples = tf.cond(is_pcm, lambda: tf.io.decode_raw(sound["pcm"], tf.int16, little_endian=True), decoded)
    return tf.ensure_shape(samples, [None])
