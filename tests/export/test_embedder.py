"""Clips become windows, batches, embeddings and rows; a clip that is of no use leaves none."""

import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import audio_clips, embedder, loaded_model
from audioset_triplet.frontend import registry
from audioset_triplet.media import audio_files
from audioset_triplet.store import features
from audioset_triplet.store.stored_clips import clip_vectors
from tests import feature_folders
from tests.export.parts import embed_to, rows, sound, sounds_of

LOG_MEL = registry.FRONT_ENDS["log_mel"]


@pytest.mark.parametrize("block", [100, 15600, 16000, 100000])
@pytest.mark.parametrize("num_samples", [0, 10, 15600, 30959, 30960, 70000])
def test_windows_are_those_of_the_whole_signal_whatever_the_blocks(model, block, num_samples):
    signal = np.arange(num_samples, dtype=np.float32)
    blocks = (signal[start : start + block] for start in range(0, num_samples, block))
    windows = list(embedder.cut_windows(blocks, model))
    expected = 1 + max(0, (num_samples - LOG_MEL.window_samples) // LOG_MEL.hop_samples)
    assert len(windows) == expected
    padded = np.pad(signal, (0, max(0, LOG_MEL.window_samples - num_samples)))
    for index, window in enumerate(windows):
        start = index * LOG_MEL.hop_samples
        assert window.start_seconds == pytest.approx(index * LOG_MEL.hop_seconds)
        np.testing.assert_array_equal(window.samples, padded[start : start + LOG_MEL.window_samples])


@pytest.mark.parametrize("batch_size", [1, 4, 1000])
def test_the_model_s_embeddings_are_written(folder, model, tmp_path, batch_size):
    waveforms = [sound(seconds, seed=i)[:, 0] for i, seconds in enumerate([2.5, 0.2, 6.0, 1.0])]
    waveforms[2][30000:] *= 0.01
    totals = embed_to(tmp_path, model, sounds_of(*waveforms), batch_size)
    assert totals.windows == {"clip0": 2, "clip1": 1, "clip2": 6, "clip3": 1}
    assert sum(totals.seconds.values()) == pytest.approx(9.7)
    stored = rows(tmp_path)
    plain = tf.saved_model.load(folder)
    for index, waveform in enumerate(waveforms):
        rows_of_clip = [row for row in stored if row["clip_id"] == f"clip{index}"]
        result = plain(waveform[None])
        np.testing.assert_allclose(
            [row["embedding"] for row in rows_of_clip], result["window_embeddings"][0], atol=1e-5
        )
        np.testing.assert_allclose([r["window_start_seconds"] for r in rows_of_clip], result["window_start_seconds"])
        np.testing.assert_allclose([r["weight"] for r in rows_of_clip], result["window_weights"][0], rtol=1e-5)
        vectors = clip_vectors(str(tmp_path)).vectors
        np.testing.assert_allclose(vectors[index], result["embedding"][0], atol=1e-5)


def test_a_model_of_an_older_version_is_refused(tmp_path):
    class Older(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 8], name="waveform")])
        def serve(self, waveform):
            return {"embedding": waveform}

        @tf.function(input_signature=[])
        def model_id(self):
            return tf.constant("older")

        front_end_id = model_id

    older = Older()
    tf.saved_model.save(older, str(tmp_path), signatures={"serving_default": older.serve})
    with pytest.raises(UserError, match="this version .* did not write; export it again"):
        loaded_model.ExportedModel(str(tmp_path))


def test_flags_for_models_of_others_are_refused(folder):
    assert isinstance(loaded_model.load(EmbeddingModelConfig(model=folder)), loaded_model.ExportedModel)
    with pytest.raises(UserError, match="--output_name, --hop_seconds: for models of others; .* says itself"):
        loaded_model.load(EmbeddingModelConfig(model=folder, output_name="embedding", hop_seconds=0.5))


def test_a_long_file_takes_no_more_memory_than_a_short_one(model, tmp_path):
    def noise(minutes):
        random = np.random.default_rng(0)
        return audio_clips.AudioClip(
            ClipInfo("long", "long"),
            lambda: (random.normal(0, 0.1, 16000 * 10).astype(np.float32) for _ in range(6 * minutes)),
        )

    def peak(minutes):
        tracemalloc.start()
        totals = embed_to(tmp_path / str(minutes), model, [noise(minutes)], 64)
        assert totals.seconds == {"long": 60 * minutes}
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(1)  # allocates all that is allocated once
    short, long = peak(2), peak(20)  # more than the windows that are held
    assert long < short + 20e6  # the 18 minutes between them are 69 MB
    stored = rows(tmp_path / "20")
    np.testing.assert_allclose(
        [row["window_start_seconds"] for row in stored], np.arange(len(stored)) * LOG_MEL.hop_seconds, rtol=1e-5
    )
    assert len(stored) == (20 * 60 * 16000 - LOG_MEL.window_samples) // LOG_MEL.hop_samples + 1


@pytest.mark.parametrize("good_blocks", [1, 150])
def test_a_file_that_breaks_off_leaves_no_row(model, tmp_path, good_blocks):
    def broken():
        for seed in range(good_blocks):
            yield sound(10, seed=seed)[:, 0]
        raise audio_files.AudioError("x.flac", "truncated", "at the end")

    good = sound(3)[:, 0]
    sounds = [
        audio_clips.AudioClip(ClipInfo("before", "before"), lambda: iter([good])),
        audio_clips.AudioClip(ClipInfo("broken", "broken"), broken),
        audio_clips.AudioClip(ClipInfo("after", "after"), lambda: iter([good])),
    ]
    totals = embed_to(tmp_path, model, sounds)
    assert {clip_id: error.reason for clip_id, error in totals.rejects.items()} == {"broken": "truncated"}
    assert {row["clip_id"] for row in rows(tmp_path)} == {"before", "after"}
    assert len(rows(tmp_path)) == 6


def test_a_long_file_that_changes_while_it_is_read_voids_the_part(model, tmp_path):
    reads = []

    def changing():
        own = len(reads)
        reads.append(own)
        for seed in range(150):
            yield sound(10, seed=seed % 3)[:, 0]
        if own == 0:  # the first to begin is the last to end: it is read through once in between
            raise audio_files.AudioError("x.flac", "truncated", "after it had been read to its end")

    with pytest.raises(embedder.LateReject, match="after it had been read"):
        embed_to(tmp_path, model, [audio_clips.AudioClip(ClipInfo("changing", "changing"), changing)])
    assert reads == [0, 1] and not list(tmp_path.iterdir())


class Spoilt:
    """A model whose embeddings of loud windows are spoilt."""

    def __init__(self, model, spoil):
        self._model, self._spoil = model, spoil

    def __getattr__(self, name):
        return getattr(self._model, name)

    def window_vectors(self, windows):
        vectors, weights = (np.array(values) for values in self._model.window_vectors(windows))
        self._spoil(vectors, weights, np.array([np.abs(window).max() > 5 for window in windows]))
        return vectors, weights


def not_finite(vectors, weights, is_loud):
    vectors[is_loud, 3] = np.nan


def too_long(vectors, weights, is_loud):
    vectors[is_loud] *= 2


def without_weight(vectors, weights, is_loud):
    weights[is_loud] = 0


@pytest.mark.parametrize(
    "spoil, problem",
    [
        (not_finite, "at 1.92 s an embedding of the norm nan, not 1"),
        (too_long, "at 1.92 s an embedding of the norm 2, not 1"),
        (without_weight, "at 1.92 s the weight 0"),
    ],
)
def test_a_clip_without_an_embedding_is_rejected_and_the_others_are_not(model, tmp_path, spoil, problem):
    waveforms = [sound(5, seed=seed)[:, 0] for seed in range(3)]
    waveforms[1][40000] = 10.0  # in window 2 alone
    totals = embed_to(tmp_path, Spoilt(model, spoil), sounds_of(*waveforms))
    assert list(totals.windows) == ["clip0", "clip2"] and list(totals.rejects) == ["clip1"]
    error = totals.rejects["clip1"]
    assert error.reason == "no embedding" and problem in str(error)
    assert {row["clip_id"] for row in rows(tmp_path)} == {"clip0", "clip2"}
    long = sound(20 * 60)[:, 0]
    long[-30000] = 10.0
    with pytest.raises(embedder.LateReject, match="clip0: no embedding"):
        embed_to(tmp_path / "long", Spoilt(model, spoil), sounds_of(long))


def test_a_row_depends_on_its_window_alone(model, tmp_path):
    waveforms = [sound(seconds, seed=i)[:, 0] for i, seconds in enumerate([2.5, 0.2, 6.0, 1.0, 9.0])]
    embed_to(tmp_path / "all", model, sounds_of(*waveforms), 16)
    together = {(row["clip_id"], row["window_start_seconds"]): row for row in rows(tmp_path / "all")}
    for index, clip in enumerate(sounds_of(*waveforms)):
        embed_to(tmp_path / str(index), model, [clip], 16)
        for row in rows(tmp_path / str(index)):
            assert row == together.pop((row["clip_id"], row["window_start_seconds"]))  # bit for bit
    assert not together


def test_progress_is_told_after_each_call_of_the_model(model, tmp_path):
    told = []
    clips = sounds_of(sound(10)[:, 0], sound(0.5)[:, 0])  # ten windows, and one
    embed_to(tmp_path, model, clips, batch_size=4, progress=lambda *done: told.append(done))
    assert told == [(0, 4), (0, 8), (2, 11)]


def test_an_error_of_another_kind_is_not_swallowed(model, tmp_path):
    def buggy():
        raise ZeroDivisionError
        yield

    with pytest.raises(ZeroDivisionError):
        embed_to(tmp_path, model, [audio_clips.AudioClip(ClipInfo("x", "x"), buggy)])


def test_feature_records_hold_the_same_embeddings(model, tmp_path):
    waveform = sound(5)[:, 0]
    embed_to(tmp_path / "parquet", model, sounds_of(waveform))
    with feature_folders.writing(tmp_path / "features", model.info.vector_size) as writer:
        embedder.embed(sounds_of(waveform), model, writer, 4)
    ((_, found),) = features.read_file(str(tmp_path / "features" / "features-00000-of-00010.tfrecord"))
    assert found.clip == ClipInfo("clip0", "clip0", end_seconds=5.0)
    expected = [row["embedding"] for row in rows(tmp_path / "parquet")]
    np.testing.assert_allclose(features.dequantize(found.codes), expected, atol=0.0079)
