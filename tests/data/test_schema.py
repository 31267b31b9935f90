"""A clip survives its record, in Python and in the graph; a record that cannot be used says why."""

import re
from typing import Any, Dict, List

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies

from audioset_triplet.data import parsing, schema

texts = strategies.text(max_size=8)
# float32 in the record, so only float32 values come back unchanged.
seconds = strategies.floats(0, 1e6, width=32)
samples = strategies.lists(strategies.integers(-32768, 32767), min_size=1, max_size=20)


@strategies.composite
def clips(draw: Any) -> schema.Clip:
    labels = sorted(draw(strategies.sets(strategies.integers(0, 600), max_size=4)))
    return schema.Clip(
        clip_id=draw(texts),
        recording_id=draw(texts),
        start_seconds=draw(seconds),
        end_seconds=draw(seconds),
        labels=tuple(labels),
        label_names=tuple(draw(texts) for _ in labels),
        fold=draw(strategies.integers(-1, 10)),
        pcm=np.array(draw(samples), np.int16),
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


def samples_of(clip: schema.Clip) -> List[int]:
    assert clip.pcm is not None
    return clip.pcm.tolist()


parse_in_graph = tf.function(parsing.parse_clip, input_signature=[tf.TensorSpec([], tf.string)])


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


def test_equal_clips_give_equal_bytes() -> None:
    assert schema.clip_to_example(a_clip()) == schema.clip_to_example(a_clip())


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


KEYS = sorted(tf.train.Example.FromString(schema.clip_to_example(a_clip())).features.feature)


def test_the_record_holds_the_documented_keys() -> None:
    table = [line for line in str(schema.__doc__).splitlines() if line.startswith("    ")]
    names = {name.strip(",") for line in table for name in re.split(r" (?:int64|bytes|float)\b", line)[0].split()}
    assert set(KEYS) == names


@pytest.mark.parametrize("key", KEYS)
def test_missing_key_is_named(key: str) -> None:
    record = changed(a_clip(), **{key: None})
    with pytest.raises(schema.SchemaError, match=f"{key}'"):
        schema.clip_from_example(record)
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        parse_in_graph(record)
    assert key in caught.value.message
    assert key == "clip_id" or "clip-7" in caught.value.message


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
    ],
)
def test_a_clip_that_makes_no_sense_is_a_programming_error(changes: Dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="clip-7"):
        a_clip(**changes)
