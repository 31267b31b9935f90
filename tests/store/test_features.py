import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given
from hypothesis import strategies as st

from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError
from audioset_triplet.records import schema
from audioset_triplet.store import features, part_rows
from audioset_triplet.store.embeddings import EmbeddingWriter
from tests import feature_folders
from tests.reference import feature_records
from tests.released_features import audioset_record

CLIP = ClipInfo("a/b.wav", "r", (3, 7), ("x", "ÿ"), fold=-1, start_seconds=30.0, end_seconds=40.0)


def embeddings(count, size=128, seed=0):
    values = np.random.default_rng(seed).normal(size=[count, size])
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def read_folder(folder):
    return [found for path in sorted(folder.glob("*.tfrecord")) for _, found in features.read_file(str(path))]


def test_quantisation_truncates_and_clips_as_published():
    values = np.array([-3.0, -2.0, -1.99, 0.0, 0.0156, 1.99, 2.0, 3.0])
    # (value + 2) * 63.75, truncated; 255 is reached at 2 exactly.
    np.testing.assert_array_equal(features.quantize(values), [0, 0, 0, 127, 128, 254, 255, 255])


def test_dequantisation_is_the_published_formula():
    codes = np.arange(256, dtype=np.uint8)
    values = features.dequantize(codes)
    np.testing.assert_allclose(values, codes.astype(float) * 4 / 255 + (4 / 512 - 2), atol=1e-6)
    assert values[0] == -1.9921875 and values[-1] == 2.0078125
    np.testing.assert_array_equal(features.quantize(values[:-1]), codes[:-1])


def test_what_is_lost_is_no_more_than_a_half_step_and_not_biased():
    values = np.random.default_rng(0).uniform(-1.99, 1.99, 10000)
    error = features.dequantize(features.quantize(values)) - values
    assert np.abs(error).max() <= 0.00788
    assert abs(error.mean()) < 5 * (4 / 255) / np.sqrt(12 * 10000)  # unbiased, within five standard errors


@given(st.floats(width=32, allow_nan=False))
@example(np.nextafter(np.float32(2), np.float32(0)))
def test_every_value_is_truncated_to_its_step(value):
    code = int(features.quantize(np.array([value], np.float32))[0])
    assert (code == 255) == (value >= 2) and (code == 0) == (value < -2 + 4 / 255)
    if -2 <= value < 2:
        assert code * 4 / 255 - 2 <= value < (code + 1) * 4 / 255 - 2
        # What is added is half of 4/256, not half a step.
        assert 4 / 512 - 4 / 255 < features.dequantize(np.uint8([code]))[0] - value <= 4 / 512


@given(st.integers(0, 2**32 - 1))
def test_directions_have_unit_length_and_are_those_before_quantisation_but_for_its_error(seed):
    vectors = embeddings(4, 128, seed)
    known, found = features.unit_vectors(features.quantize(vectors))
    assert known.all() and found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    # An error of the length e turns a unit vector by no more than arcsin(e).
    assert (np.sum(found * vectors, axis=1) >= np.sqrt(1 - 128 * 0.00788**2)).all()


def test_a_vector_of_zeros_has_no_direction():
    codes = features.quantize(np.stack([np.zeros(128), -embeddings(1)[0], np.full(128, 0.007), np.full(128, 0.008)]))
    known, vectors = features.unit_vectors(codes)
    assert known.tolist() == [False, True, False, True] and np.isfinite(vectors).all()
    known, vectors = features.unit_vectors(np.zeros([0, 0], np.uint8))
    assert known.shape == (0,) and len(vectors) == 0


def test_records_are_read_by_tensorflow_s_own_parser(tmp_path):
    vectors = embeddings(3)
    with feature_folders.writing(tmp_path / "out", 128) as writer:
        writer.write(CLIP, np.arange(3) * 0.96, vectors)
    (path,) = (tmp_path / "out").glob("*.tfrecord")
    (record,) = tf.data.TFRecordDataset(str(path))
    context, steps = tf.io.parse_single_sequence_example(
        record,
        context_features={
            "video_id": tf.io.FixedLenFeature([], tf.string),
            "start_time_seconds": tf.io.FixedLenFeature([], tf.float32),
            "end_time_seconds": tf.io.FixedLenFeature([], tf.float32),
            "labels": tf.io.VarLenFeature(tf.int64),
        },
        sequence_features={"audio_embedding": tf.io.FixedLenSequenceFeature([], tf.string)},
    )
    assert context["video_id"].numpy() == b"a/b.wav"
    assert (float(context["start_time_seconds"]), float(context["end_time_seconds"])) == (30.0, 40.0)
    assert context["labels"].values.numpy().tolist() == [3, 7]
    codes = tf.io.decode_raw(steps["audio_embedding"], tf.uint8).numpy()
    assert codes.shape == (3, 128)
    np.testing.assert_allclose(features.dequantize(codes), vectors, atol=0.0079)


def test_a_hop_that_is_not_audioset_s_is_stored(tmp_path):
    def context_and_hop(hop_seconds):
        folder = tmp_path / str(hop_seconds)
        with feature_folders.writing(folder, 128, hop_seconds=hop_seconds) as writer:
            writer.write(CLIP, np.arange(3) * hop_seconds, embeddings(3))
        path = folder / "features-00000-of-00010.tfrecord"
        (record,) = map(feature_records.from_bytes, feature_records.from_file(path.read_bytes()))
        ((_, read),) = features.read_file(str(path))
        return record.context, read.hop_seconds

    context, hop_seconds = context_and_hop(0.96)
    assert "hop_seconds" not in context and hop_seconds == 0.96
    context, hop_seconds = context_and_hop(0.125)
    assert context["hop_seconds"] == [0.125] and hop_seconds == 0.125


def test_our_files_are_read_by_a_parser_written_from_the_format_alone(tmp_path):
    vectors, other = embeddings(3), dataclasses.replace(CLIP, clip_id="c", labels=(), label_names=(), fold=4)
    with feature_folders.writing(tmp_path, 128) as writer:
        writer.write(CLIP, np.arange(3) * 0.96, vectors, np.array([0.5, 0.25, 1.0]))
        writer.write(other, np.arange(1), vectors[:1])
    contents = (tmp_path / "features-00000-of-00010.tfrecord").read_bytes()
    first, second = map(feature_records.from_bytes, feature_records.from_file(contents))
    audioset = {"video_id": [b"a/b.wav"], "start_time_seconds": [30.0], "end_time_seconds": [40.0], "labels": [3, 7]}
    assert first.context == {
        **audioset,
        "recording_id": [b"r"],
        "label_names": [b"x", "ÿ".encode()],
        "fold": [-1],
    }
    assert set(first.lists) == {"audio_embedding", "window_weight"}
    assert first.lists["window_weight"] == [[0.5], [0.25], [1.0]] and second.lists["window_weight"] == [[1.0]]
    steps = first.lists["audio_embedding"]
    assert [len(step) for step in steps] == [1, 1, 1]
    # (value + 2) * 63.75, cut off.
    assert [list(step[0]) for step in steps] == [[int((float(v) + 2) * 63.75) for v in vector] for vector in vectors]
    assert second.context["labels"] == second.context["label_names"] == [] and second.context["fold"] == [4]


@pytest.mark.parametrize("packed", [True, False])
def test_audioset_s_records_are_read_as_they_were_released(tmp_path, packed):
    written = [audioset_record(b"--aaaaaaaaa"), audioset_record(b"_bbbbbbbbb-", windows=6, start_time_seconds=[0.25])]
    contents = feature_records.to_file(feature_records.to_bytes(record, packed) for record, _ in written)
    (tmp_path / "__.tfrecord").write_bytes(contents)
    places, found = zip(*features.read_file(str(tmp_path / "__.tfrecord")))
    assert places == tuple(f"{tmp_path}/__.tfrecord: record {index}" for index in range(2))
    assert found[0].clip == ClipInfo(
        "--aaaaaaaaa_30000", "--aaaaaaaaa", (0, 7, 526), start_seconds=30.0, end_seconds=40.0
    )
    assert found[1].clip.clip_id == "_bbbbbbbbb-_250" and found[1].codes.shape == (6, 128)
    for one, (_, codes) in zip(found, written):
        assert one.hop_seconds == 0.96 and not one.is_ours
        np.testing.assert_array_equal(one.codes, codes)


@pytest.mark.parametrize("key", ["id", "video_id"])
def test_youtube_8m_s_frame_level_records_are_read(key):
    codes = np.random.default_rng(0).integers(0, 256, [300, 128], np.uint8)
    lists = {"rgb": [[bytes(1024)]] * 300, "audio": [[row.tobytes()] for row in codes]}
    record = feature_records.Record({key: [b"ab12"], "labels": [3861]}, lists)
    found = features.clip_from_sequence_example(feature_records.to_bytes(record))
    assert found.clip == ClipInfo("ab12", "ab12", (3861,), start_seconds=0.0, end_seconds=300.0)
    assert found.hop_seconds == 1.0
    np.testing.assert_array_equal(found.codes, codes)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"video_id": []}, "a clip: video_id holds 0 values"),
        ({"video_id": [b"\xff"]}, "a clip: video_id is not text"),
        ({"start_time_seconds": []}, "clip --aaaaaaaaa: start_time_seconds holds 0 values"),
        ({"start_time_seconds": [30]}, "clip --aaaaaaaaa: start_time_seconds holds 0 values of float_list"),
        ({"end_time_seconds": [40.0, 50.0]}, "clip --aaaaaaaaa: end_time_seconds holds 2 values"),
        ({"start_time_seconds": [float("nan")]}, "clip --aaaaaaaaa: nan to 40.0 s is not a time span"),
        ({"start_time_seconds": [-1.0]}, "clip --aaaaaaaaa: -1.0 to 40.0 s is not a time span"),
        ({"labels": [b"/m/09x0r"]}, "clip --aaaaaaaaa: no labels (int64_list)"),
        ({"recording_id": [b"r"], "fold": [1]}, "clip --aaaaaaaaa: 0 label_names for 3 labels"),
        ({"recording_id": [b"r"], "labels": []}, "clip --aaaaaaaaa: fold holds 0 values"),
    ],
)
def test_a_key_that_is_missing_or_wrong_is_named(tmp_path, changes, message):
    good, bad = audioset_record()[0], audioset_record(**changes)[0]
    path = tmp_path / "x.tfrecord"
    path.write_bytes(feature_records.to_file(map(feature_records.to_bytes, [good, bad])))
    with pytest.raises(UserError, match=re.escape(f"{path}: record 1: {message}")):
        list(features.read_file(str(path)))


def test_clips_without_labels_are_told_from_those_whose_labels_are_missing():
    record, _ = audioset_record(labels=[])
    assert features.clip_from_sequence_example(feature_records.to_bytes(record)).clip.labels == ()
    del record.context["labels"]
    with pytest.raises(UserError, match="clip --aaaaaaaaa: no labels"):
        features.clip_from_sequence_example(feature_records.to_bytes(record))
    test_part = feature_records.Record({"id": [b"ab12"]}, {"audio": record.lists["audio_embedding"]})
    assert features.clip_from_sequence_example(feature_records.to_bytes(test_part)).clip.labels == ()


def test_windows_that_are_missing_or_of_another_size_are_named():
    record, _ = audioset_record()
    for position, contents, message in [
        (3, [bytes(127)], "audio_embedding: window 3 has 127 values, the first has 128"),
        (0, [], "audio_embedding: window 0 has 0 values"),
        (9, [5], "audio_embedding: window 9 has 0 values, the first has 128"),
    ]:
        steps = [*record.lists["audio_embedding"]]
        steps[position] = contents
        bad = dataclasses.replace(record, lists={"audio_embedding": steps})
        with pytest.raises(UserError, match=f"clip --aaaaaaaaa: {message}"):
            features.clip_from_sequence_example(feature_records.to_bytes(bad))
    for name in ("rgb", "mean_audio"):  # of images alone; of whole videos
        with pytest.raises(UserError, match=f"holds the feature lists {name}, no audio and no features of audio"):
            bad = dataclasses.replace(record, lists={name: record.lists["audio_embedding"]})
            features.clip_from_sequence_example(feature_records.to_bytes(bad))
    with pytest.raises(UserError, match="not a tf.train.SequenceExample"):
        features.clip_from_sequence_example(b"\x0a\xff")
    clip = schema.clip_to_example(schema.Clip("a", "a", 0.0, 1.0, (), (), 0, np.ones(9, np.int16)))
    with pytest.raises(
        UserError, match="holds a clip with its audio: experiments.embed and the training programs read"
    ):
        features.clip_from_sequence_example(clip)


def float_record(values):
    record, _ = audioset_record()
    return dataclasses.replace(record, lists={"audio_embedding": [[float(value) for value in row] for row in values]})


def test_features_that_are_not_quantized_are_read_as_they_are():
    vectors = np.random.default_rng(0).normal(size=[3, 8]).astype(np.float32)
    vectors[1] = 0
    found = features.clip_from_sequence_example(feature_records.to_bytes(float_record(vectors)))
    np.testing.assert_array_equal(found.codes, vectors)
    known, directions = features.unit_vectors(found.codes)
    assert known.tolist() == [True, False, True] and directions.dtype == np.float32
    np.testing.assert_allclose(
        directions, vectors[::2] / np.linalg.norm(vectors[::2], axis=1, keepdims=True), rtol=1e-6
    )
    for values, message in (
        (np.full([2, 8], np.nan), "a value is not finite"),
        ([[1, 2], [3]], "window 1 has 1 values"),
    ):
        with pytest.raises(UserError, match=f"clip --aaaaaaaaa: audio_embedding: {message}"):
            features.clip_from_sequence_example(feature_records.to_bytes(float_record(values)))


def test_floats_in_bytes_are_named_and_quantized_values_are_not_taken_for_them():
    record, _ = audioset_record()
    vectors = np.random.default_rng(0).normal(size=[3, 8]).astype(np.float32)
    for values in (vectors, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.zeros([1, 8], np.float32)):
        for steps, is_refused in ((values, values.any()), (features.quantize(values), False)):
            lists = {"audio_embedding": [[step.tobytes()] for step in steps]}
            serialized = feature_records.to_bytes(dataclasses.replace(record, lists=lists))
            if is_refused:
                with pytest.raises(UserError, match="32 bytes per window look like 8 float32 values"):
                    features.clip_from_sequence_example(serialized)
            else:
                assert features.clip_from_sequence_example(serialized).codes.dtype == np.uint8


def test_weights_that_are_missing_or_wrong_are_named():
    ours, codes = audioset_record(recording_id=[b"r"], label_names=[b"a", b"b", b"c"], fold=[1], labels=[0, 7, 526])
    for weights in (None, [0.5] * 9, [0.5] * 9 + [0.0], [0.5] * 9 + [float("nan")], [0.5] * 9 + [float("inf")]):
        lists = {**ours.lists, **({} if weights is None else {"window_weight": [[one] for one in weights]})}
        with pytest.raises(UserError, match="clip --aaaaaaaaa: window_weight holds .* not a positive one"):
            features.clip_from_sequence_example(feature_records.to_bytes(dataclasses.replace(ours, lists=lists)))
    weighted = dataclasses.replace(ours, lists={**ours.lists, "window_weight": [[0.5]] * 10})
    found = features.clip_from_sequence_example(feature_records.to_bytes(weighted))
    np.testing.assert_array_equal(found.weights, np.full(10, 0.5))
    np.testing.assert_array_equal(found.codes, codes)


def test_damage_is_named_with_its_place(tmp_path):
    path = tmp_path / "x.tfrecord"
    whole = feature_records.to_file([feature_records.to_bytes(audioset_record()[0])] * 2)
    half = len(whole) // 2
    for contents, message in [
        (whole[:-1], "record 1: truncated: 1 of"),
        (whole[: half + 5], "record 1: truncated: the file ends inside the header"),
        (whole[:100] + b"?" + whole[101:], "record 0: bad checksum: the bytes"),
        (whole[:half] + b"?" + whole[half + 1 :], "record 1: bad checksum of the length"),
    ]:
        path.write_bytes(contents)
        with pytest.raises(UserError, match=re.escape(f"{path}: {message}")):
            list(features.read_file(str(path)))
    with pytest.raises(UserError, match="nowhere: cannot be read"):
        list(features.read_file(str(tmp_path / "nowhere")))


def test_a_clip_in_several_calls_is_one_record(tmp_path):
    vectors = embeddings(5)
    with feature_folders.writing(tmp_path, 128) as writer:
        for index in range(3):
            clip = dataclasses.replace(CLIP, clip_id=f"clip{index}")
            writer.write(clip, np.arange(3), vectors[:3], np.array([0.5, 0.25, 0.125]))
            writer.write(clip, np.arange(2), vectors[3:], continues=True)
        assert writer.num_rows == 15
    found = read_folder(tmp_path)
    assert [one.clip for one in found] == [dataclasses.replace(CLIP, clip_id=f"clip{index}") for index in range(3)]
    np.testing.assert_array_equal(found[1].codes, features.quantize(vectors))
    np.testing.assert_array_equal(found[1].weights, [0.5, 0.25, 0.125, 1, 1])
    assert all(one.is_ours and one.hop_seconds == 0.96 for one in found)


def test_records_are_copied_as_they_are(tmp_path):
    with feature_folders.writing(tmp_path / "a", 128) as writer:
        for index in range(3):
            writer.write(dataclasses.replace(CLIP, clip_id=f"clip{index}"), np.arange(2), embeddings(2))
    (part,) = (tmp_path / "a").glob("*.tfrecord")
    records = part_rows.of_features(part.read_bytes())
    assert list(records) == ["clip0", "clip1", "clip2"]
    with feature_folders.writing(tmp_path / "b", 128) as writer:
        for record in records.values():
            writer.copy(record)
    assert (tmp_path / "b" / part.name).read_bytes() == part.read_bytes()


def test_what_a_writer_is_given_is_checked(tmp_path):
    with feature_folders.writing(tmp_path, 128) as writer:
        for wrong in (np.full([1, 128], np.nan), 2 * embeddings(1)):
            with pytest.raises(UserError, match="a/b.wav has an embedding of the norm"):
                writer.write(CLIP, np.arange(1), wrong)
    assert not read_folder(tmp_path)


def test_a_folder_holds_one_model_whatever_the_format(tmp_path):
    with feature_folders.writing(tmp_path, 128):
        pass
    with pytest.raises(UserError, match=r"features.json has model_id model, but this run has other"):
        EmbeddingWriter(str(tmp_path), "other", "front-end", 128)
    (tmp_path / "features.json").write_text("{")
    with pytest.raises(UserError, match=r"features.json: damaged"):
        EmbeddingWriter(str(tmp_path), "model", "front-end", 128)
