"""`experiments.embed` and the library call behind it, on real files in real formats."""

import csv
import dataclasses
import shutil
import tracemalloc

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import tensorflow as tf

from audioset_triplet import files
from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import audio_clips, embedder, loaded_model, saved_model
from audioset_triplet.frontend import registry
from audioset_triplet.media import audio_files
from audioset_triplet.models.networks import build_flat_features
from audioset_triplet.store import embeddings, feature_import, features
from audioset_triplet.store.embedding_parts import StoreInfo
from audioset_triplet.store.part_writers import ParquetPartWriter
from audioset_triplet.store.stored_clips import clip_vectors
from tests import datasets, feature_folders, processes, tiny_records
from tests.tiny_network import build_tiny_network
from tests.toy_front_end import TOY

MODULE = "experiments.embed"

LOG_MEL = registry.FRONT_ENDS["log_mel"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("models") / "tiny")
    saved_model.export(build_tiny_network(), path, LOG_MEL, {})
    return path


@pytest.fixture(scope="module")
def model(folder):
    return loaded_model.ExportedModel(folder)


def sound(seconds, rate=16000, channels=1, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, [round(seconds * rate), channels]).astype(np.float32)


def sounds_of(*waveforms):
    for index, waveform in enumerate(waveforms):
        yield audio_clips.AudioClip(
            ClipInfo(f"clip{index}", f"clip{index}"), lambda waveform=waveform: iter([waveform])
        )


def rows(folder):
    return pq.ParquetDataset(sorted(map(str, folder.glob("*.parquet")))).read().to_pylist()


def embed_to(output, model, sounds, batch_size=4):
    """Writes the first part of a folder."""
    output.mkdir(parents=True, exist_ok=True)
    info = StoreInfo(model.model_id, model.front_end_id, model.embedding_size, "version")
    with files.atomic_path(str(output / "embeddings-00000.parquet")) as temporary:
        writer = ParquetPartWriter(temporary, info)
        totals = embedder.embed(sounds, model, writer, batch_size)
        writer.close()
    return totals


def file_clips(model, *paths):
    """The clips of audio files, with their names as ids."""
    items = [audio_clips.find(str(path), (), model).items[0] for path in paths]
    return [clip for item in items for clip in audio_clips.clips_of(item, (), model)]


def record_clips(model, path, *folds):
    items = audio_clips.find(str(path), folds, model).items
    return [clip for item in items for clip in audio_clips.clips_of(item, folds, model)]


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

    def embed_windows(self, windows):
        vectors, weights = (np.array(values) for values in self._model.embed_windows(windows))
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


def test_an_error_of_another_kind_is_not_swallowed(model, tmp_path):
    def buggy():
        raise ZeroDivisionError
        yield

    with pytest.raises(ZeroDivisionError):
        embed_to(tmp_path, model, [audio_clips.AudioClip(ClipInfo("x", "x"), buggy)])


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Audio files of many formats, some of them damaged."""
    root = tmp_path_factory.mktemp("archive")
    (root / "deep" / "er").mkdir(parents=True)
    soundfile.write(root / "stereo.wav", sound(3, 44100, 2), 44100)
    soundfile.write(root / "deep" / "low.flac", sound(3, 8000), 8000)
    soundfile.write(root / "deep" / "er" / "high.wav", sound(3, 96000), 96000)
    soundfile.write(root / "compressed.ogg", sound(3, 32000), 32000)
    soundfile.write(root / "ten samples.wav", sound(10 / 16000), 16000)
    soundfile.write(root / "empty.wav", sound(0), 16000)
    soundfile.write(root / "not a number.wav", np.full([16000, 1], np.nan), 16000, subtype="FLOAT")
    soundfile.write(root / "whole.flac", sound(5), 16000)
    (root / "truncated.flac").write_bytes((root / "whole.flac").read_bytes()[:-30000])
    (root / "text.wav").write_text("no sound")
    (root / "notes.txt").write_text("not meant to be one")
    return root


def test_a_folder_of_good_and_bad_files(folder, archive, tmp_path):
    arguments = processes.flags(model=folder, input=archive, output=tmp_path / "out")
    result = processes.run(MODULE, *arguments)
    assert result.returncode == 0, result.stderr
    good = {"stereo.wav", "deep/low.flac", "deep/er/high.wav", "compressed.ogg", "ten samples.wav", "whole.flac"}
    assert {row["clip_id"] for row in rows(tmp_path / "out")} == good
    assert pq.read_table(tmp_path / "out").num_rows == len(rows(tmp_path / "out"))  # the folder is a table as it is
    with open(tmp_path / "out" / "_rejects.csv", newline="") as file:
        rejects = {row["clip_id"]: row["reason"] for row in csv.DictReader(file)}
    assert rejects == {
        "empty.wav": "empty",
        "not a number.wav": "not finite",
        "truncated.flac": "truncated",
        "text.wav": "unreadable",
    }
    assert "6 clips" in result.stdout and "4 rejected" in result.stdout and "hours of audio per hour" in result.stdout
    lines = sorted(line for line in result.stderr.splitlines() if line.startswith("rejected: "))
    for line, (clip_id, reason) in zip(lines, sorted(rejects.items())):
        assert line.startswith(f"rejected: {clip_id}: {reason}: ") and str(archive) not in line
    assert len(lines) == 4 and "Traceback" not in result.stderr
    again = processes.run(MODULE, *arguments)
    assert again.returncode == 0 and "6 clips were embedded before" in again.stdout


@pytest.mark.slow
def test_any_name_of_a_file_will_do(folder, tmp_path):
    name = "a, b [take 1] (x*).wav"
    soundfile.write(tmp_path / name, sound(1), 16000)
    result = processes.run(MODULE, *processes.flags(model=folder, input=tmp_path / name, output=tmp_path / "out"))
    assert result.returncode == 0, result.stderr
    assert [row["clip_id"] for row in rows(tmp_path / "out")] == [name]


def test_resampled_files_embed_as_librosa_reads_them(folder, archive, model, tmp_path):
    from librosa.core import audio as librosa  # not all of librosa, which Numba compiles on a new machine

    path = archive / "stereo.wav"
    embed_to(tmp_path, model, file_clips(model, path))
    waveform, _ = librosa.load(path, sr=16000, mono=True)
    expected = tf.saved_model.load(folder)(waveform[None])["window_embeddings"][0]
    np.testing.assert_allclose([row["embedding"] for row in rows(tmp_path)], expected, atol=1e-4)


def test_records_keep_their_labels_folds_and_times(model, tmp_path):
    made = tiny_records.make_clips(8)
    path = tiny_records.write(tmp_path / "clips.tfrecord", made)
    assert len(embed_to(tmp_path / "out", model, record_clips(model, path, 2)).windows) == 4
    stored = {row["clip_id"]: row for row in rows(tmp_path / "out")}
    for clip in made:
        if clip.fold == 2:
            row = stored.pop(clip.clip_id)
            assert (row["recording_id"], row["labels"], row["label_names"], row["fold"]) == (
                clip.recording_id,
                list(clip.labels),
                list(clip.label_names),
                2,
            )
    assert not stored


def test_a_model_of_another_front_end_embeds_files_and_records_at_its_rate(archive, tmp_path):
    folder = str(tmp_path / "toy")
    saved_model.export(build_flat_features(TOY.feature_shape, "toy"), folder, TOY, {})
    toy = loaded_model.ExportedModel(folder)
    assert (toy.front_end_id, toy.sample_rate_hz, toy.num_channels) == ("toy-8000", 8000, 1)
    assert (toy.window_samples, toy.hop_samples, toy.hop_seconds) == (TOY.window_samples, TOY.hop_samples, 0.125)
    path = archive / "stereo.wav"
    totals = embed_to(tmp_path / "files", toy, file_clips(toy, path))
    waveform = audio_files.load(path, sample_rate_hz=8000)
    result = tf.saved_model.load(folder)(waveform[None])
    stored = rows(tmp_path / "files")
    assert len(stored) == int(TOY.num_windows(len(waveform))) and totals.seconds == {"stereo.wav": pytest.approx(3.0)}
    np.testing.assert_allclose([row["embedding"] for row in stored], result["window_embeddings"][0], atol=1e-5)
    np.testing.assert_allclose([row["window_start_seconds"] for row in stored], np.arange(len(stored)) * 0.125)
    assert embeddings.read_info(str(tmp_path / "files")).front_end_id == "toy-8000"
    records = tiny_records.write(tmp_path / "clips.tfrecord", tiny_records.make_clips(2))
    with pytest.raises(UserError, match="records are 16 kHz mono, and front end toy-8000 takes 8 kHz mono"):
        audio_clips.find(str(records), (), toy)


def test_a_later_record_of_another_rate_is_refused(model, tmp_path):
    made = tiny_records.make_clips(2)
    path = tiny_records.write(tmp_path / "a.tfrecord", [made[0], dataclasses.replace(made[1], sample_rate_hz=8000)])
    with pytest.raises(UserError, match="clip clip1: is 8 kHz mono, and front end .* takes 16 kHz mono: prepare it"):
        record_clips(model, path)


def test_feature_records_hold_the_same_embeddings(model, tmp_path):
    waveform = sound(5)[:, 0]
    embed_to(tmp_path / "parquet", model, sounds_of(waveform))
    with feature_folders.writing(tmp_path / "features", model.embedding_size) as writer:
        embedder.embed(sounds_of(waveform), model, writer, 4)
    ((_, found),) = features.read_file(str(tmp_path / "features" / "features-00000-of-00010.tfrecord"))
    assert found.clip == ClipInfo("clip0", "clip0", end_seconds=5.0)
    expected = [row["embedding"] for row in rows(tmp_path / "parquet")]
    np.testing.assert_allclose(features.dequantize(found.codes), expected, atol=0.0079)


def test_feature_records_of_records_are_imported_as_they_would_have_been_embedded(model, tmp_path):
    path = tiny_records.write(tmp_path / "clips.tfrecord", tiny_records.make_clips(8))
    embed_to(tmp_path / "parquet", model, record_clips(model, path))
    with feature_folders.writing(tmp_path / "features", model.embedding_size) as writer:
        embedder.embed(record_clips(model, path), model, writer, 4)
    written = [str(tmp_path / "features" / "features-00000-of-00010.tfrecord")]
    feature_import.import_features(written, feature_import.Additions(), str(tmp_path / "imported"))
    embedded, imported = rows(tmp_path / "parquet"), rows(tmp_path / "imported")
    vectors, others = (np.array([row.pop("embedding") for row in table]) for table in (embedded, imported))
    assert embedded == imported and {row["fold"] for row in imported} == {1, 2}
    assert np.sum(vectors * others, axis=1).min() > np.sqrt(1 - model.embedding_size * 0.00788**2)


@pytest.mark.slow
def test_bad_calls_are_one_clear_line(folder, archive, tmp_path):
    out = tmp_path / "out"
    empty = tmp_path / "empty"
    empty.mkdir()
    damaged = tmp_path / "damaged.tfrecord"
    tiny_records.write(damaged, tiny_records.make_clips(4))
    damaged.write_bytes(damaged.read_bytes()[:-100])
    for options, message in [
        (dict(model=empty, input=archive), "holds no SavedModel"),
        (dict(model=folder, input=tmp_path / "none"), "no such file"),
        (dict(model=folder, input=empty), "no audio file"),
        (dict(model=folder, input=damaged), "record 3: truncated"),
        (dict(model=folder, input=archive / "truncated.flac"), "none of 1 clip could be used. The first: "),
        (dict(model=folder, input=archive, folds=1), "--folds goes with TFRecords"),
    ]:
        result = processes.run(MODULE, *processes.flags(output=out, **options))
        last = result.stderr.strip().splitlines()[-1]
        assert result.returncode == 1 and last.startswith("error: ") and message in last, result.stderr
        assert not list(out.glob("*.parquet*"))


def test_a_damaged_model_is_one_clear_line(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "model")
    (path,) = (tmp_path / "model" / "variables").glob("*.data*")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match="model: the SavedModel is damaged"):
        loaded_model.ExportedModel(str(tmp_path / "model"))


def test_real_clips_in_four_codecs_embed_alike(model, tmp_path):
    clips = datasets.clips()
    paths = sorted(str(path) for path in clips.glob("21100_36_48.*"))
    paths.append(str(clips / "R9_ZSCveAHg_7s.wav"))
    names = ["flac", "mp3", "ogg", "wav", "another clip"]
    named = [
        dataclasses.replace(clip, clip=ClipInfo(name, name)) for name, clip in zip(names, file_clips(model, *paths))
    ]
    assert len(embed_to(tmp_path, model, named).windows) == 5
    vectors = clip_vectors(str(tmp_path))
    cosine = dict(zip(vectors.clip_ids, vectors.vectors @ vectors.vectors[vectors.clip_ids.index("wav")]))
    assert cosine["flac"] == pytest.approx(1, abs=1e-6)  # 24 bits against 64
    assert min(cosine["mp3"], cosine["ogg"]) > cosine["another clip"]
