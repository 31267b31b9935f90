"""A clip survives its record, in Python and in the graph; a record that cannot be used says why."""

import hashlib
import io
import re
from typing import Any, Callable, Dict, List, Tuple

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
samples = strategies.integers(-32768, 32767)
rates_hz = strategies.one_of(strategies.just(16000), strategies.integers(1, 192000))


@strategies.composite
def clips(draw: Any) -> schema.Clip:
    channels = draw(strategies.sampled_from([1, 2]))
    length = draw(strategies.integers(1, 20))
    pcm = draw(strategies.lists(samples, min_size=length * channels, max_size=length * channels))
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
        pcm=np.array(pcm, np.int16).reshape([length, channels][:channels]),
        frames=tuple(draw(strategies.binary(max_size=8)) for _ in times),
        frame_seconds=tuple(sorted(times)),
        image_size=image_size,
        sample_rate_hz=draw(rates_hz),
        num_channels=channels,
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


def a_stereo_clip(**changes: Any) -> schema.Clip:
    pcm = np.array([[0, 1], [-32768, 32767]], np.int16)
    return a_clip(**{"pcm": pcm, "sample_rate_hz": 44100, "num_channels": 2, **changes})


def samples_of(clip: schema.Clip) -> List[int]:
    assert clip.pcm is not None
    return clip.pcm.tolist()


def in_graph(parse: Callable[..., Dict[str, tf.Tensor]], channels: int) -> Callable[..., Dict[str, tf.Tensor]]:
    return tf.function(
        lambda record: parse(record, channels), input_signature=[tf.TensorSpec([], tf.string)], autograph=False
    )


parse_mono, parse_stereo = (in_graph(parsing.parse_clip, channels) for channels in (1, 2))
parse_mono_with_frames, parse_stereo_with_frames = (
    in_graph(parsing.parse_audiovisual_clip, channels) for channels in (1, 2)
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
@hypothesis.settings(deadline=None, max_examples=50)  # the first example traces the graph
def test_graph_round_trip(clip: schema.Clip) -> None:
    parse = parse_mono if clip.num_channels == 1 else parse_stereo
    parsed = {key: value.numpy() for key, value in parse(schema.clip_to_example(clip)).items()}
    names = [name.decode() for name in parsed.pop("label_names")]
    assert (names, parsed["labels"].tolist()) == (list(clip.label_names), list(clip.labels))
    assert parsed["pcm"].tolist() == samples_of(clip)
    for key in ("clip_id", "recording_id"):
        assert parsed[key].decode() == getattr(clip, key)
    for key in ("start_seconds", "end_seconds", "fold", "sample_rate_hz", "num_channels"):
        assert parsed[key] == getattr(clip, key)


@hypothesis.given(clips())
@hypothesis.settings(deadline=None, max_examples=50)
def test_graph_round_trip_of_frames(clip: schema.Clip) -> None:
    record = schema.clip_to_example(clip)
    is_mono = clip.num_channels == 1
    parse_with_frames = parse_mono_with_frames if is_mono else parse_stereo_with_frames
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
    alone = (parse_mono if is_mono else parse_stereo)(record)
    assert set(parsed) - set(alone) == {"frames", "frame_seconds", "image_size"} and set(alone) <= set(parsed)
    for key, value in alone.items():
        assert np.asarray(parsed[key], object).tolist() == np.asarray(value.numpy(), object).tolist()


def test_equal_clips_give_equal_bytes() -> None:
    assert schema.clip_to_example(a_clip()) == schema.clip_to_example(a_clip())


@pytest.mark.parametrize(
    "clip, digest",
    [
        (a_clip(), "8d3a06a8809416e786541ea7e222418d04d53ceb656533845a920b2bfeff0f52"),
        (a_clip_of_a_video(), "1e4c93463a6c10374becbf0c97b183838beaf8496fecfacf94a43663c9a02e8f"),
    ],
)
def test_16_khz_mono_has_the_bytes_of_before_there_were_other_formats(clip: schema.Clip, digest: str) -> None:
    assert hashlib.sha256(schema.clip_to_example(clip)).hexdigest() == digest


def test_other_formats_have_version_2_and_two_more_keys() -> None:
    def keys(clip: schema.Clip) -> Dict[str, int]:
        features = tf.train.Example.FromString(schema.clip_to_example(clip)).features.feature
        return {
            key: features[key].int64_list.value[0]
            for key in ("schema_version", *schema.FORMAT_TYPES)
            if key in features
        }

    assert keys(a_clip()) == {"schema_version": 1}
    assert keys(a_clip(sample_rate_hz=44100)) == {"schema_version": 2, "sample_rate_hz": 44100, "num_channels": 1}
    assert keys(a_stereo_clip()) == {"schema_version": 2, "sample_rate_hz": 44100, "num_channels": 2}
    assert keys(a_stereo_clip(sample_rate_hz=16000))["schema_version"] == 2


def test_length_in_samples_and_seconds() -> None:
    assert (a_clip().num_samples, a_clip().seconds) == (3, 3 / 16000)
    assert (a_stereo_clip().num_samples, a_stereo_clip().seconds) == (2, 2 / 44100)


def test_samples_are_interleaved_and_little_endian() -> None:
    features = tf.train.Example.FromString(schema.clip_to_example(a_stereo_clip())).features.feature
    assert features["pcm"].bytes_list.value[0] == b"\0\0\x01\0\0\x80\xff\x7f"


def test_another_number_of_channels_than_expected_is_named() -> None:
    for clip, parse, expected in ((a_clip(), parse_stereo, 2), (a_stereo_clip(), parse_mono, 1)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"(?s)clip-7.*has.*channels, not {expected}"):
            parse(schema.clip_to_example(clip))


@pytest.mark.parametrize(
    "audio_format, text",
    [((16000, 1), "16 kHz mono"), ((44100, 2), "44.1 kHz stereo"), ((48000, 6), "48 kHz with 6 channels")],
)
def test_format_as_text(audio_format: Tuple[int, int], text: str) -> None:
    assert schema.format_text(*audio_format) == text


def test_decode_frame() -> None:
    encoded = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 100, 50)).save(encoded, "JPEG", quality=95)
    image = parsing.decode_frame(tf.constant(encoded.getvalue()), 8)
    assert image.dtype == tf.uint8 and image.shape == (8, 8, 3)
    assert np.abs(image.numpy().astype(int) - [200, 100, 50]).max() <= 4
    decode = tf.function(lambda frame: parsing.decode_frame(frame, 9))
    for frame in (encoded.getvalue(), b"no image"):
        with pytest.raises(tf.errors.InvalidArgumentError):
            decode(tf.constant(frame))


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
        "sample_rate_hz": (tf.int64, []),
        "num_channels": (tf.int64, []),
        "pcm": (tf.int16, [None]),
    }
    stereo = tf.data.Dataset.from_tensors(schema.clip_to_example(a_stereo_clip()))
    stereo_spec = stereo.map(lambda record: parsing.parse_clip(record, 2)).element_spec
    assert stereo_spec.pop("pcm").shape.as_list() == [None, 2]
    assert {key: (value.dtype, value.shape.as_list()) for key, value in stereo_spec.items()} == {
        key: value for key, value in spec.items() if key != "pcm"
    }
    record = tf.data.Dataset.from_tensors(schema.clip_to_example(a_clip_of_a_video()))
    with_frames = record.map(parsing.parse_audiovisual_clip)
    added = {key: value for key, value in with_frames.element_spec.items() if key not in spec}
    assert {key: (value.dtype, value.shape.as_list()) for key, value in added.items()} == {
        "frames": (tf.string, [None]),
        "frame_seconds": (tf.float32, [None]),
        "image_size": (tf.int64, []),
    }


AUDIO_KEYS, KEYS = (
    sorted(tf.train.Example.FromString(schema.clip_to_example(clip)).features.feature)
    for clip in (a_clip(), a_clip_of_a_video(sample_rate_hz=44100))
)


def test_the_record_holds_the_documented_keys() -> None:
    table = [line for line in str(schema.__doc__).splitlines() if line.startswith("    ")]
    names = {name.strip(",") for line in table for name in re.split(r" (?:int64|bytes|float)\b", line)[0].split()}
    assert set(KEYS) == names


@pytest.mark.parametrize("key", KEYS)
def test_missing_key_is_named(key: str) -> None:
    record = changed(a_clip_of_a_video(sample_rate_hz=44100), **{key: None})
    with pytest.raises(schema.SchemaError, match=f"{key}'"):
        schema.clip_from_example(record)
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        parse_mono_with_frames(record)
    assert key in caught.value.message
    assert key == "clip_id" or "clip-7" in caught.value.message


@pytest.mark.parametrize("key", AUDIO_KEYS)
def test_missing_key_is_named_where_audio_alone_is_read(key: str) -> None:
    for clip in (a_clip(), a_clip_of_a_video()):
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            parse_mono(changed(clip, **{key: None}))
        assert key in caught.value.message
        assert key == "clip_id" or "clip-7" in caught.value.message
    with pytest.raises(schema.SchemaError, match=f"{key}'"):
        schema.clip_from_example(changed(a_clip(), **{key: None}))


def test_other_version_is_named() -> None:
    version = tf.train.Feature(int64_list=tf.train.Int64List(value=[3]))
    record = changed(a_clip(), schema_version=version)
    with pytest.raises(schema.SchemaError, match="clip clip-7: schema_version is 3, this code reads 1 and 2: prepare"):
        schema.clip_from_example(record)
    with pytest.raises(tf.errors.InvalidArgumentError, match="(?s)clip-7.*schema_version"):
        parse_mono(record)


def test_a_version_without_todays_keys_is_still_a_version_error() -> None:
    version = tf.train.Feature(int64_list=tf.train.Int64List(value=[3]))
    record = changed(a_clip(), schema_version=version, fold=None, pcm=None)
    with pytest.raises(schema.SchemaError, match="schema_version is 3"):
        schema.clip_from_example(record)
    with pytest.raises(tf.errors.InvalidArgumentError, match="schema_version"):
        parse_mono(record)


def test_wrong_type_is_named() -> None:
    record = changed(a_clip(), fold=tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"2"])))
    with pytest.raises(schema.SchemaError, match="clip clip-7: key 'fold' holds 0 values of type int64"):
        schema.clip_from_example(record)
    with pytest.raises(tf.errors.InvalidArgumentError):
        parse_mono(record)
    one = tf.train.Feature(float_list=tf.train.FloatList(value=[0.0]))
    record = changed(a_clip_of_a_video(), frame_seconds=one)
    expected = "clip clip-7: key 'frame_seconds' holds 1 values of type float32 instead of num_frames"
    with pytest.raises(schema.SchemaError, match=expected):
        schema.clip_from_example(record)
    with pytest.raises(tf.errors.InvalidArgumentError, match="(?s)clip-7.*frame_seconds"):
        parse_mono_with_frames(record)


@pytest.mark.parametrize(
    "clip, pcm", [(a_clip(), b""), (a_clip(), b"123"), (a_stereo_clip(), b"12"), (a_stereo_clip(), b"123456")]
)
def test_pcm_that_is_no_whole_number_of_samples(clip: schema.Clip, pcm: bytes) -> None:
    record = changed(clip, pcm=tf.train.Feature(bytes_list=tf.train.BytesList(value=[pcm])))
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
        {"num_channels": 2},
        {"num_channels": 2, "pcm": np.zeros((3, 1), np.int16)},
        {"num_channels": 2, "pcm": np.zeros((0, 2), np.int16)},
        {"num_channels": 0},
        {"sample_rate_hz": 0},
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
def test_a_contradictory_clip_is_a_programming_error(changes: Dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="clip-7"):
        a_clip(**changes)
