import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.data import features
from audioset_triplet.data.embedding_parts import ClipInfo
from audioset_triplet.data.embeddings import EmbeddingWriter
from audioset_triplet.errors import UserError

CLIP = ClipInfo("a/b.wav", "r", labels=(3, 7), label_names=("x", "y"), start_seconds=30.0, end_seconds=40.0)


def embeddings(count, size=128, seed=0):
    values = np.random.default_rng(seed).normal(size=[count, size])
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


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


def test_what_is_lost_is_less_than_a_half_step():
    values = np.random.default_rng(0).uniform(-1.99, 1.99, 10000)
    error = features.dequantize(features.quantize(values)) - values
    assert np.abs(error).max() <= 0.00788
    assert abs(error.mean()) < 5 * (4 / 255) / np.sqrt(12 * 10000)  # unbiased, within five standard errors


def test_records_are_read_by_tensorflow_s_own_parser(tmp_path):
    vectors = embeddings(3)
    with features.FeatureWriter(str(tmp_path / "out"), "model", 128) as writer:
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


def test_a_clip_in_several_calls_is_one_record_and_parts_fill_up(tmp_path):
    vectors = embeddings(5)
    with features.FeatureWriter(str(tmp_path), "model", 128, clips_per_part=2) as writer:
        for index in range(3):
            clip = dataclasses.replace(CLIP, clip_id=f"clip{index}")
            writer.write(clip, np.arange(3), vectors[:3])
            writer.write(clip, np.arange(2), vectors[3:])
    assert sorted(path.name for path in tmp_path.glob("*.tfrecord")) == [
        "features-00000.tfrecord",
        "features-00001.tfrecord",
    ]
    found = {}
    for path in sorted(tmp_path.glob("*.tfrecord")):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            clip_id, codes = features.read_sequence_example(record)
            found[clip_id] = codes
    assert sorted(found) == ["clip0", "clip1", "clip2"]
    np.testing.assert_array_equal(found["clip1"], features.quantize(vectors))


def test_a_later_writer_goes_on_and_a_failed_one_leaves_nothing(tmp_path):
    with features.FeatureWriter(str(tmp_path), "model", 128) as writer:
        writer.write(CLIP, np.arange(2), embeddings(2))
    with pytest.raises(RuntimeError), features.FeatureWriter(str(tmp_path), "model", 128) as writer:
        assert writer.clip_ids_done == {CLIP.clip_id}
        writer.write(dataclasses.replace(CLIP, clip_id="new"), np.arange(2), embeddings(2))
        raise RuntimeError
    assert [path.name for path in tmp_path.glob("*.tfrecord*")] == ["features-00000.tfrecord"]
    with features.FeatureWriter(str(tmp_path), "model", 128) as writer:
        with pytest.raises(UserError, match="twice"):
            writer.write(CLIP, np.arange(2), embeddings(2))


def test_another_model_or_a_damaged_part_is_refused(tmp_path):
    with features.FeatureWriter(str(tmp_path), "model", 128) as writer:
        writer.write(CLIP, np.arange(2), embeddings(2))
    with pytest.raises(UserError, match="other"):
        features.FeatureWriter(str(tmp_path), "other", 128)
    (part,) = tmp_path.glob("*.tfrecord")
    part.write_bytes(part.read_bytes()[:-10])
    with pytest.raises(UserError, match=r"features-00000.tfrecord: damaged"):
        features.FeatureWriter(str(tmp_path), "model", 128)


def test_a_part_that_was_removed_leaves_the_others_alone(tmp_path):
    def write(*numbers):
        with features.FeatureWriter(str(tmp_path), "model", 128, clips_per_part=1) as writer:
            for number in numbers:
                clip = dataclasses.replace(CLIP, clip_id=f"clip{number}")
                if clip.clip_id not in writer.clip_ids_done:
                    writer.write(clip, np.arange(2), embeddings(2))

    write(0, 1, 2)
    (tmp_path / "features-00001.tfrecord").unlink()  # as the message about a damaged part says
    (tmp_path / "features-00003.tfrecord.tmp-1").write_text("of a writer that was killed")
    write(0, 1, 2)
    found = [record for path in tmp_path.glob("*.tfrecord") for record in tf.data.TFRecordDataset(str(path))]
    assert sorted(features.read_sequence_example(record.numpy())[0] for record in found) == ["clip0", "clip1", "clip2"]
    assert not list(tmp_path.glob("*.tmp-*"))


def test_what_a_writer_is_given_is_checked(tmp_path):
    with features.FeatureWriter(str(tmp_path), "model", 128) as writer:
        for wrong in (np.full([1, 128], np.nan), 2 * embeddings(1)):
            with pytest.raises(UserError, match="a/b.wav has the norm"):
                writer.write(CLIP, np.arange(1), wrong)
    assert not list(tmp_path.glob("*.tfrecord"))


def test_a_folder_holds_one_model_whatever_the_format(tmp_path):
    with features.FeatureWriter(str(tmp_path / "a"), "model", 128):
        pass
    with pytest.raises(UserError, match=r"features.json has model_id model, but this run has other"):
        EmbeddingWriter(str(tmp_path / "a"), "other", 128)
    with EmbeddingWriter(str(tmp_path / "b"), "model", 128) as writer:
        writer.write(CLIP, np.arange(2), embeddings(2))
    with pytest.raises(UserError, match=r"00000.parquet has model_id model, but this run has other"):
        features.FeatureWriter(str(tmp_path / "b"), "other", 128)
    (tmp_path / "a" / "features.json").write_text("{")
    with pytest.raises(UserError, match=r"features.json: damaged"):
        features.FeatureWriter(str(tmp_path / "a"), "model", 128)
