"""`experiments.embed` and the library call behind it, on real files and records."""

import csv
import dataclasses
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import tensorflow as tf

from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError
from audioset_triplet.export import audio_clips, embedder, loaded_model, saved_model
from audioset_triplet.media import audio_files
from audioset_triplet.models.networks import build_flat_features
from audioset_triplet.store import embeddings, feature_import
from audioset_triplet.store.stored_clips import clip_vectors
from tests import datasets, feature_folders, processes, tiny_records
from tests.export.parts import embed_to, file_clips, record_clips, rows, sound
from tests.reference import audio as reference
from tests.toy_front_end import TOY

MODULE = "experiments.embed"


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
    path = archive / "stereo.wav"
    embed_to(tmp_path, model, file_clips(model, path))
    expected = tf.saved_model.load(folder)(reference.load(path, 16000)[None])["window_embeddings"][0]
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


def test_feature_records_of_records_are_imported_as_they_would_have_been_embedded(model, tmp_path):
    path = tiny_records.write(tmp_path / "clips.tfrecord", tiny_records.make_clips(8))
    embed_to(tmp_path / "parquet", model, record_clips(model, path))
    with feature_folders.writing(tmp_path / "features", model.info.vector_size) as writer:
        embedder.embed(record_clips(model, path), model, writer, 4)
    written = [str(tmp_path / "features" / "features-00000-of-00010.tfrecord")]
    feature_import.import_features(written, feature_import.Additions(), str(tmp_path / "imported"))
    embedded, imported = rows(tmp_path / "parquet"), rows(tmp_path / "imported")
    vectors, others = (np.array([row.pop("embedding") for row in table]) for table in (embedded, imported))
    assert embedded == imported and {row["fold"] for row in imported} == {1, 2}
    assert np.sum(vectors * others, axis=1).min() > np.sqrt(1 - model.info.vector_size * 0.00788**2)


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
