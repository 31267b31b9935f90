"""TFRecord files are found, read in order, and their damage is named."""

import dataclasses
import gzip
import pathlib
import re
import struct
import zlib
from typing import List

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.errors import UserError
from audioset_triplet.records import parsing, reading, scanning, schema
from tests import tiny_records

parse_in_graph = tf.function(parsing.parse_clip, input_signature=[tf.TensorSpec([], tf.string)])


def clip(number: int) -> schema.Clip:
    return schema.Clip(f"clip{number}", "r", 0.0, 1.0, (0,), ("a",), 1, np.full(1000, number, np.int16))


def serialized(number: int) -> bytes:
    return schema.clip_to_example(clip(number))


def write(path: pathlib.Path, examples: List[bytes]) -> str:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for example in examples:
            writer.write(example)
    return str(path)


def read(files: List[str]) -> List[str]:
    return [parse_in_graph(record)["clip_id"].numpy().decode() for record in reading.read_records(files, True)]


def message_of_reading(files: List[str]) -> str:
    with pytest.raises(UserError) as caught, reading.named_errors(files):
        read(files)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def three(tmp_path: pathlib.Path) -> pathlib.Path:
    write(tmp_path / "a.tfrecord", [serialized(number) for number in range(3)])
    return tmp_path / "a.tfrecord"


def flip(path: pathlib.Path, offset: int) -> None:
    contents = bytearray(path.read_bytes())
    contents[offset] ^= 0x10
    path.write_bytes(contents)


def second_record(path: pathlib.Path) -> int:
    """Where the second record begins: after the first's length, two checksums and bytes."""
    return 16 + struct.unpack("<Q", path.read_bytes()[:8])[0]


def test_every_record_is_read_once_in_the_same_order(tmp_path: pathlib.Path) -> None:
    counts = [3, 0, 5, 1]
    numbers = iter(range(100))
    files = [
        write(tmp_path / f"{index}", [serialized(next(numbers)) for _ in range(count)])
        for index, count in enumerate(counts)
    ]
    found = read(files)
    assert sorted(found) == [f"clip{number}" for number in range(sum(counts))]
    assert found == read(files)
    assert found[:3] == ["clip0", "clip3", "clip8"]  # one of each file in turn
    with reading.named_errors(files):
        assert sorted(read(files)) == sorted(found)


def test_the_number_of_records_follows_from_their_size(tmp_path: pathlib.Path) -> None:
    numbers = {"a": range(4), "none": [], "b": range(4, 9)}
    files = [write(tmp_path / name, [serialized(number) for number in of_file]) for name, of_file in numbers.items()]
    assert scanning.hold_at_most(files, 9) and not scanning.hold_at_most(files, 8)
    assert scanning.hold_at_most([str(tmp_path / "none")], 1)


def test_scan_of_an_undamaged_file(three: pathlib.Path) -> None:
    found = list(scanning.scan(str(three)))
    assert [(record.index, record.clip.clip_id, record.damage) for record in found if record.clip] == [
        (index, f"clip{index}", "") for index in range(3)
    ]
    assert scanning.first_damage([str(three)]) is None


def test_bit_flip_in_the_bytes_is_named_and_skipped(three: pathlib.Path) -> None:
    flip(three, second_record(three) + 500)
    found = list(scanning.scan(str(three)))
    assert [record.clip.clip_id if record.clip else None for record in found] == ["clip0", None, "clip2"]
    assert re.search(r"a\.tfrecord: record 1: bad checksum", message_of_reading([str(three)]))


def test_bit_flip_in_the_length_ends_the_scan(three: pathlib.Path) -> None:
    flip(three, second_record(three))
    found = list(scanning.scan(str(three)))
    assert [record.damage != "" for record in found] == [False, True]
    assert re.search(r"a\.tfrecord: record 1: bad checksum of the length", message_of_reading([str(three)]))


@pytest.mark.parametrize("kept", [1, 5, 12, 300])
def test_scan_of_a_truncated_file(three: pathlib.Path, kept: int) -> None:
    three.write_bytes(three.read_bytes()[: second_record(three) + kept])
    assert [record.damage[:9] for record in scanning.scan(str(three))] == ["", "truncated"]


def test_reading_a_truncated_file(three: pathlib.Path) -> None:
    three.write_bytes(three.read_bytes()[: second_record(three) + 300])
    assert re.search(r"a\.tfrecord: record 1: truncated: \d+ of \d+ bytes", message_of_reading([str(three)]))


def test_file_that_is_no_tfrecord(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.txt").write_text("this is a text file, not records")
    assert message_of_reading([str(tmp_path / "a.txt")]) == f"{tmp_path}/a.txt: not a TFRecord file but a text"


def sequence_example() -> bytes:
    example = tf.train.SequenceExample()
    example.context.feature["video_id"].bytes_list.value.append(b"v")
    example.feature_lists.feature_list["audio_embedding"].feature.add().bytes_list.value.append(bytes(128))
    return example.SerializeToString()


def other_example(**features: tf.train.Feature) -> bytes:
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def of_bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


FLOATS = tf.train.Feature(float_list=tf.train.FloatList(value=[0.5]))


def test_what_holds_no_clips_is_named_before_anything_is_read(three: pathlib.Path) -> None:
    whole = three.read_bytes()
    cases = {
        gzip.compress(whole): "not a TFRecord file as it is: compressed with gzip: unpack it first (gunzip)",
        zlib.compress(whole): "not a TFRecord file as it is: compressed with zlib: unpack it first",
        b"<html>": "not a TFRecord file but an HTML page",
        b"version https://git-lfs.github.com/spec/v1\n": "not a TFRecord file but a Git LFS pointer",
        sequence_example(): "holds features of audio, not audio: experiments.import_features reads them",
        other_example(id=of_bytes(b"v"), mean_audio=FLOATS): "holds one vector for a whole video",
        other_example(
            audio=of_bytes(b"RIFF"), rate=FLOATS
        ): "holds audio (bytes), rate (float): not written by data_prep",
        b"\xff\xff\xff": "not a tf.train.Example",
    }
    for data, expected in cases.items():
        path = three.with_name("other.tfrecord")
        if "TFRecord file" in expected:
            path.write_bytes(data)
        else:
            write(path, [data])
        for read_first in (reading.audio_format, reading.image_size):
            with pytest.raises(UserError) as caught:
                read_first([str(three)] * (read_first is reading.audio_format) + [str(path)])
            assert str(caught.value).startswith(f"{path}: {expected}")
    path.write_bytes(b"")
    with pytest.raises(UserError, match="no clip in .* and 1 other: all is empty"):
        reading.audio_format([str(path)] * 2)


def test_what_tensorflow_cannot_parse_is_damage_though_protobuf_can(tmp_path: pathlib.Path) -> None:
    """A record twice in one, whose first part has a flipped bit: protobuf takes what that lacks from the second."""
    flipped = serialized(0).replace(b"\n\x03pcm\x12", b"\x1a\x03pcm\x12")
    assert flipped != serialized(0) and schema.clip_from_example(flipped + serialized(0)).clip_id == "clip0"
    file = write(tmp_path / "a.tfrecord", [serialized(1), flipped + serialized(0)])
    assert [record.clip is None for record in scanning.scan(file)] == [False, True]
    assert f"{file}: record 1: clip clip0: TensorFlow cannot parse the record" in message_of_reading([file])


def test_a_record_that_is_merged_from_two_is_no_damage(tmp_path: pathlib.Path) -> None:
    file = write(tmp_path / "a.tfrecord", [serialized(0) + serialized(0)])
    assert [record.damage for record in scanning.scan(file)] == [""] and read([file]) == ["clip0"]


def test_other_version_and_missing_key(tmp_path: pathlib.Path) -> None:
    other, without = (tf.train.Example.FromString(serialized(number)) for number in (7, 8))
    other.features.feature["schema_version"].int64_list.value[0] = 3
    del without.features.feature["fold"]
    good = write(tmp_path / "good", [serialized(0)])
    bad = write(tmp_path / "bad", [serialized(1), other.SerializeToString(), without.SerializeToString()])
    assert f"{bad}: record 1: clip clip7: schema_version is 3, this code reads 1 and 2" in message_of_reading(
        [good, bad]
    )
    assert "clip clip8: key 'fold' holds 0 values" in str(list(scanning.scan(bad))[2])


def test_error_inside_a_dataset_s_map(tmp_path: pathlib.Path) -> None:
    other = tf.train.Example.FromString(serialized(7))
    other.features.feature["schema_version"].int64_list.value[0] = 3
    files = [write(tmp_path / "bad", [other.SerializeToString()])]
    with pytest.raises(UserError, match="bad: record 0: clip clip7: schema_version"), reading.named_errors(files):
        list(reading.read_records(files, deterministic=False).map(parsing.parse_clip))


def test_errors_of_other_origin_pass_through(three: pathlib.Path) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError), reading.named_errors([str(three)]):
        tf.debugging.assert_equal(1, 2)


def test_the_format_of_records(tmp_path: pathlib.Path) -> None:
    mono = write(tmp_path / "mono", [serialized(0)])
    pcm = np.arange(20, dtype=np.int16).reshape(10, 2)
    stereo_clip = dataclasses.replace(clip(1), pcm=pcm, sample_rate_hz=44100, num_channels=2)
    stereo = write(tmp_path / "stereo", [schema.clip_to_example(stereo_clip)])
    assert reading.audio_format([mono]) == (16000, 1) and reading.audio_format([stereo]) == (44100, 2)
    with pytest.raises(UserError, match="one sample rate.*: 16 kHz mono in .*mono, 44.1 kHz stereo in .*stereo"):
        reading.audio_format([mono, stereo])
    reading.require_format([mono], 16000, 1, "the front end")
    refused = (
        "stereo: records are 44.1 kHz stereo, and the front end takes 16 kHz mono: prepare them with --sample_rate"
    )
    with pytest.raises(UserError, match=refused):
        reading.require_format([stereo], 16000, 1, "the front end")
    [parsed] = reading.read_clips([stereo], [], deterministic=True, num_channels=2)
    np.testing.assert_array_equal(parsed["pcm"], pcm)
    assert (int(parsed["sample_rate_hz"]), int(parsed["num_channels"])) == (44100, 2)
    with pytest.raises(tf.errors.InvalidArgumentError, match="(?s)clip1.*channels, not 1"):
        list(reading.read_clips([stereo], [], deterministic=True))


def test_a_damaged_record_does_not_hide_the_format(three: pathlib.Path) -> None:
    flip(three, 500)
    assert reading.audio_format([str(three)]) == (16000, 1)
    assert reading.audio_format([write(three.with_name("empty"), []), str(three)]) == (16000, 1)


def frames_of(number: int, size: int) -> bytes:
    return schema.clip_to_example(
        dataclasses.replace(clip(number), frames=(b"x",), frame_seconds=(0.0,), image_size=size)
    )


def test_encoded_audio_is_named_where_it_cannot_be_decoded(three: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """At the beginning of a file, and where TensorFlow reports that a function of another process is missing."""
    reading.require_samples([str(three)])
    file = tiny_records.write(tmp_path / "encoded.tfrecord", [tiny_records.make_encoded_clip(0)])
    message = "encoded.tfrecord has encoded audio, which a tf.data service decodes on Python 3.9 to 3.11 only"
    with pytest.raises(UserError, match=message):
        reading.require_samples([str(three), file])
    call = tf.data.Dataset.from_tensors(b"x").map(
        lambda encoded: tf.raw_ops.PyFuncStateless(input=[encoded], token="of another process", Tout=[tf.float32])
    )
    with pytest.raises(UserError, match="one of 2 files has encoded audio"), reading.named_errors([str(three), file]):
        list(call)


def test_records_with_images(tmp_path: pathlib.Path) -> None:
    files = [write(tmp_path / name, [frames_of(number, 64)]) for number, name in enumerate("ab")]
    assert reading.image_size(files) == 64
    [first, second] = reading.read_clips(files, [], deterministic=True, with_frames=True)
    assert (first["frames"].numpy().tolist(), int(second["image_size"])) == ([b"x"], 64)
    assert "frames" not in next(iter(reading.read_clips(files, [], deterministic=True)))


def test_a_record_of_audio_alone_is_named_where_images_are_needed(tmp_path: pathlib.Path) -> None:
    files = [write(tmp_path / "a", [frames_of(0, 64), serialized(1)])]
    assert scanning.first_damage(files) is None
    named = r"a: record 1: clip clip1: has no images \(.*training can do without: --images=false\)"
    with pytest.raises(UserError, match=named), reading.named_errors(files, with_frames=True):
        list(reading.read_clips(files, [], deterministic=True, with_frames=True))
    alone = write(tmp_path / "b", [serialized(2)])
    with pytest.raises(UserError, match="b: record 0: clip clip2: has no images.*prepare_audiovisual"):
        reading.image_size([alone])
    with pytest.raises(UserError, match="one size: 64 in .*a, 32 in .*c"):
        reading.image_size([*files, write(tmp_path / "c", [frames_of(3, 32)])])
    with pytest.raises(UserError, match="there is no record"):
        reading.image_size([write(tmp_path / "d", [])])
