"""A clip survives its record, in Python and in the graph; a record that cannot be used says why."""

import hashlib
import io
import re
from typing import Any, Dict, List

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies
from PIL import Image

from audioset_triplet.records import parsing, schema

texts = strategies.text(max_size=8)
# float32 in the record, so only float32 values come back unchanged.
seconds = strategies.floats(0, 1e6, width=32)
samples = strategies.lists(strategies.integers(-32768, 32767), min_size=1, max_size=20)


@strategies.composite
def clips(draw: Any) -> schema.Clip:
    labels = sorted(draw(strategies.sets(strategies.integers(0, 600), max_size=4)))
    image_size = draw(strategies.sampled_from([0, 1, 128]))
    times = draw(strategies.sets(seconds, max_size=4 if image_size else 0))
    return schema.Clip(
        clip_id=draw(texts),
        recording_id=draw(texts),
        start_seconds=draw(seconds),
        end_seconds=draw(seconds),
        labels=tuple(labels),
        label_names=tuple(draw(texts) for _ in labels),
        fold=draw(strategies.integers(-1, 10)),
        pcm=np.array(draw(samples), np.int16),
        frames=tuple(draw(strategies.binary(max_size=8)) for _ in times),
        frame_seconds=tuple(sorted(times)),
        image_size=image_size,
    )


def a_clip(**changes: Any) -> schema.Clip:
    fields: Dict[str, Any] = {
        "clip_id": "clip-7",
        "recording_id": "r",
        "start_seconds": 1.0,
        "end_seconds": 2.0,
        "labels": (3, 5),
        "label_names": ("dog", "cat"),
        "fold": 2,
        "pcm": np.array([0, -32768, 32767], np.int16),
    }
    return schema.Clip(**{**fields, **changes})


def a_clip_of_a_video(**changes: Any) -> schema.Clip:
    return a_clip(**{"frames": (b"x", b"y"), "frame_seconds": (0.0, 0.5), "image_size": 8, **changes})


def samples_of(clip: schema.Clip) -> List[int]:
    assert clip.pcm is not None
    return clip.pcm.tolist()


parse_in_graph, parse_with_frames = (
    tf.function(function, input_signature=[tf.TensorSpec([], tf.string)])
    for function in (parsing.parse_clip, parsing.parse_audiovisual_clip)
)


def changed(clip: schema.Clip, **changes: Any) -> bytes:
    """The record of a clip with some features taken away (None) or replaced by those of another Example."""
    example = tf.train.Example.FromString(schema.clip_to_example(clip))
    for key, feature in changes.items():
        del example.features.feature[key]
        if feature is not None:
            example.features.feature[key].CopyFrom(feature)
    return example.SerializeToString()


@hypothesis.given(clips())
def test_python_round_trip(clip: schema.Clip) -> None:
    found = vars(schema.clip_from_example(schema.clip_to_example(clip)))
    assert found.pop("pcm").tolist() == samples_of(clip)
    assert found == {key: value for key, value in vars(clip).items() if key != "pcm"}


@hypothesis.given(clips())
@hypothesis.settings(deadline=None)  # the first example traces the graph
def test_graph_round_trip(clip: schema.Clip) -> None:
    parsed = {key: value.numpy() for key, value in parse_in_graph(schema.clip_to_example(clip)).items()}
    names = [name.decode() for name in parsed.pop("label_names")]
    assert (names, parsed["labels"].tolist()) == (list(clip.label_names), list(clip.labels))
    assert parsed["pcm"].tolist() == samples_of(clip)
    for key in ("clip_id", "recording_id"):
        assert parsed[key].decode() == getattr(clip, key)
    for key in ("start_seconds", "end_seconds", "fold"):
        assert parsed[key] == getattr(clip, key)


@hypothesis.given(clips())
@hypothesis.settings(deadline=None)
def test_graph_round_trip_of_frames(clip: schema.Clip) -> None:
    record = schema.clip_to_example(clip)
    if not clip.image_size:
        with pytest.raises(tf.errors.InvalidArgumentError, match="(?s)num_frames"):
            parse_with_frames(record)
        return
    parsed = {key: value.numpy() for key, value in parse_with_frames(record).items()}
    assert (parsed["frames"].tolist(), parsed["frame_seconds"].tolist()) == (
        list(clip.frames),
        list(clip.frame_seconds),
    )
    assert parsed["image_size"] == clip.image_size
    alone = parse_in_graph(record)
    assert set(parsed) - set(alone) == {"frames", "frame_seconds", "image_size"} and set(alone) <= set(parsed)
    for key, value in alone.items():
        assert np.asarray(parsed[key], object).tolist() == np.asarray(value.numpy(), object).tolist()


def test_equal_clips_give_equal_bytes() -> None:
    assert schema.clip_to_example(a_clip()) == schema.clip_to_example(a_clip())


def test_clips_of_sound_alone_give_the_bytes_that_they_gave_before_there_were_frames() -> None:
    digest = hashlib.sha256(schema.clip_to_example(a_clip())).hexdigest()
    assert digest == "8d3a06a8809416e786541ea7e222418d04d53ceb656533845a920b2bfeff0f52"


def test_decode_frame() -> None:
    encoded = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 100, 50)).save(encoded, "JPEG", quality=95)
    image = parsing.decode_frame(tf.constant(encoded.getvalue()), 8)
    assert image.dtype == tf.uint8 and image.shape == (8, 8, 3)
    assert np.abs(image.numpy().astype(int) - [200, 100, 50]).max() <= 4
    in_graph = tf.function(lambda frame, size=9: parsing.decode_frame(frame, size))
    for frame in (encoded.getvalue(), b"no picture"):
        with pytest.raises(tf.errors.InvalidArgumentError):
            in_graph(tf.constant(frame))


def test_element_spec() -> None:
    dataset = tf.data.Dataset.from_tensors(schema.clip_to_example(a_clip())).map(parsing.parse_clip)
    spec = {key: (value.dtype, value.shape.as_list()) for key, value in dataset.element_spec.items()}
    assert spec == {
        "clip_id": (tf.string, []),
        "recording_id": (tf.string, []),
        "start_seconds": (tf.float32, []),
        "end_seconds": (tf.float32, []),
        "labels": (tf.int64, [None]),
        "label_names": (tf.string, [None]),
        "fold": (tf.int64, []),
        "pcm": (tf.int16, [None]),
    }
    record = tf.data.Dataset.from_tensors(schema.clip_to_example(a_clip_of_a_video()))
    with_frames = record.map(parsing.parse_audiovisual_clip)
    added = {key: value for key, value in with_frames.element_spec.items() if key not in spec}
    assert {key: (value.dtype, value.shape.as_list()) for key, value in added.items()} == {
        "frames": (tf.string, [None]),
        "frame_seconds": (tf.float32, [None]),
        "image_size": (tf.int64, []),
    }


SOUND_KEYS, KEYS = (
    sorted(tf.train.Example.FromString(schema.clip_to_example(clip)).features.feature)
    for clip in (a_clip(), a_clip_of_a_video())
)


def test_the_record_holds_the_documented_keys() -> None:
    table = [line for line in str(schema.__doc__).splitlines() if line.startswith("    ")]
    names = {name.strip(",") for line in table for name in re.split(r" (?:int64|bytes|float)\b", line)[0].split()}
    assert set(KEYS) == names


@pytest.mark.parametrize("key", KEYS)
def test_missing_key_is_named(key: str) -> None:
    record = changed(a_clip_of_a_video(), **{key: None})
    with pytest.raises(schema.SchemaError, match=f"{key}'"):
        schema.clip_from_example(record)
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        parse_with_frames(record)
    assert key in caught.value.message
    assert key == "clip_id" or "clip-7" in caught.value.message


@pytest.mark.parametrize("key", SOUND_KEYS)
def test_missing_key_is_named_where_sound_alone_is_read(key: str) -> None:
    for clip in (a_clip(), a_clip_of_a_video()):
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            parse_in_graph(changed(clip, **{key: None}))
        assert key in caught.value.message
        assert key == "clip_id" or "clip-7" in caught.value.message
    with pytest.raises(schema.SchemaError, match=f"{key}'"):
        schema.clip_from_example(changed(a_clip(), **{key: None}))


def test_other_version_is_named() -> None:
    version = tf.train.Feature(int64_list=tf.train.Int64List(value=[schema.SCHEMA_VERSION + 1]))
    record = changed(a_clip(), schema_version=version)
    with pytest.raises(schema.SchemaError, match="clip clip-7: schema_version is 2, this code reads 1"):
        schema.clip_from_example(record)
    with pytest.raises(tf.errors.InvalidArgumentError, match="(?s)clip-7.*schema_version"):
        parse_in_graph(record)


def test_a_version_without_todays_keys_is_still_a_version_error() -> None:
    version = tf.train.Feature(int64_list=tf.train.Int64List(value=[2]))
    record = changed(a_clip(), schema_version=version, fold=None, pcm=None)
    with pytest.raises(schema.SchemaError, match="schema_version is 2"):
        schema.clip_from_example(record)
    with pytest.raises(tf.errors.InvalidArgumentError, match="schema_version"):
        parse_in_graph(record)


def test_wrong_type_is_named() -> None:
    record = changed(a_clip(), fold=tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"2"])))
    with pytest.raises(schema.SchemaError, match="clip clip-7: key 'fold' holds 0 values of type int64"):
        schema.clip_from_example(record)
    with pytest.raises(tf.errors.InvalidArgumentError):
        parse_in_graph(record)
    one = tf.train.Feature(float_list=tf.train.FloatList(value=[0.0]))
    record = changed(a_clip_of_a_video(), frame_seconds=one)
    expected = "clip clip-7: key 'frame_seconds' holds 1 values of type float32 instead of num_frames"
    with pytest.raises(schema.SchemaError, match=expected):
        schema.clip_from_example(record)
    with pytest.raises(tf.errors.InvalidArgumentError, match="(?s)clip-7.*frame_seconds"):
        parse_with_frames(record)


@pytest.mark.parametrize("pcm", [b"", b"123"])
def test_pcm_that_is_no_int16(pcm: bytes) -> None:
    record = changed(a_clip(), pcm=tf.train.Feature(bytes_list=tf.train.BytesList(value=[pcm])))
    with pytest.raises(schema.SchemaError, match="clip-7"):
        schema.clip_from_example(record)


def test_bytes_that_are_no_example() -> None:
    with pytest.raises(schema.SchemaError, match="not a tf.train.Example"):
        schema.clip_from_example(b"\xff\xff\xff")


@pytest.mark.parametrize(
    "changes",
    [
        {"pcm": None},
        {"encoded": b"x"},
        {"pcm": np.zeros(3, np.float32)},
        {"pcm": np.zeros((3, 1), np.int16)},
        {"pcm": np.zeros(0, np.int16)},
        {"labels": (5, 3)},
        {"labels": (3, 3)},
        {"labels": (3,)},
        {"frames": (b"x",), "image_size": 8},
        {"frames": (b"x",), "frame_seconds": (0.0,)},
        {"frames": (b"x", b"y"), "frame_seconds": (1.0, 1.0), "image_size": 8},
        {"frames": (b"x",), "frame_seconds": (-0.1,), "image_size": 8},
        {"frames": (b"x",), "frame_seconds": (float("nan"),), "image_size": 8},
        {"image_size": -1},
    ],
)
def test_a_clip_that_makes_no_sense_is_a_programming_error(changes: Dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="clip-7"):
        a_clip(**changes)
