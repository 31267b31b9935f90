"""A folder of embeddings is that of its input, and the same command adds to it."""

import csv
import functools
import os
import shutil

import numpy as np
import pytest
import soundfile

from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError
from audioset_triplet.export import audio_clips, embedding_plan, loaded_model, saved_model
from audioset_triplet.frontend import registry
from audioset_triplet.store import features
from audioset_triplet.store.embeddings import EmbeddingWriter
from audioset_triplet.store.stored_clips import read_clips
from tests import tiny_records
from tests.export.archives import embed, parts, rows, write
from tests.tiny_network import build_tiny_network

MODULE = "experiments.embed"


@pytest.fixture(scope="module")
def model(folder):
    """Jobs take a model by its path."""
    return folder


@pytest.fixture(scope="module", autouse=True)
def models_loaded_once():
    """A job loads its model anew, which takes longer than the job of a test; no model here changes."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(loaded_model, "load", functools.cache(loaded_model.load))
        yield


@pytest.fixture
def small_shards(monkeypatch):
    """Four files in a shard instead of 32."""
    monkeypatch.setattr(embedding_plan, "_FEWEST_FILES", 4)


def touch(path, seconds):
    """Another time of a file, as if it had been written again."""
    os.utime(path, ns=(0, path.stat().st_mtime_ns + round(seconds * 1e9)))


@pytest.mark.slow
def test_one_process_or_two_write_the_same_bytes(model, tmp_path):
    write(tmp_path / "in", *range(40), seconds=0.5)  # two shards
    embed(model, tmp_path / "in", tmp_path / "one", batch_size=64)
    embed(model, tmp_path / "in", tmp_path / "two", num_workers=2, batch_size=64)
    assert len(parts(tmp_path / "one")) == 2 and parts(tmp_path / "two") == parts(tmp_path / "one")
    assert not (tmp_path / "two" / "_plan").exists()
    assert sorted(read_clips(str(tmp_path / "two")).clip_ids) == sorted(
        f"even/{number:03d}.wav" if number % 2 == 0 else f"{number:03d}.wav" for number in range(40)
    )


@pytest.mark.usefixtures("small_shards")
def test_what_is_new_or_has_changed_is_embedded_and_the_rest_is_copied(model, tmp_path):
    source, out = write(tmp_path / "in", *range(20)), tmp_path / "out"
    first = embed(model, source, out)
    assert (first.num_clips, first.num_before, first.gone) == (20, 0, [])
    before = parts(out)
    again = embed(model, source, out)
    assert (again.num_clips, again.num_before) == (0, 20) and parts(out) == before

    write(source, 20, 21)  # new
    soundfile.write(source / "001.wav", np.full(40000, 0.5), 16000)  # longer
    soundfile.write(source / "003.wav", np.random.default_rng(99).uniform(-0.5, 0.5, 44800), 16000)  # as long as before
    touch(source / "003.wav", 1)
    (source / "even" / "002.wav").unlink()
    second = embed(model, source, out)
    assert (second.num_clips, second.num_before, second.gone) == (4, 17, ["even/002.wav"])
    (note,) = second.notes("in", "out", 5)
    assert "1 clip is not in in any more, such as even/002.wav: kept" in note
    embed(model, source, tmp_path / "fresh")
    kept = [row for row in rows(out) if row[0] != "even/002.wav"]
    assert kept == rows(tmp_path / "fresh") and len(rows(out)) > len(kept)
    assert [row for row in rows(out) if row[0] == "even/002.wav"]
    third = embed(model, source, out)
    assert (third.num_clips, third.num_before, third.gone) == (0, 21, ["even/002.wav"])


@pytest.mark.usefixtures("small_shards")
def test_a_part_that_is_damaged_or_gone_is_written_again(model, tmp_path):
    source, out = write(tmp_path / "in", *range(12)), tmp_path / "out"
    embed(model, source, out)
    before = parts(out)
    first, second, third = before
    (out / first).unlink()
    (out / second).write_bytes(before[second][:-1])
    (out / "_shards" / f"{third}.json").write_text("{")
    summary = embed(model, source, out)
    assert summary.num_clips == 12 and parts(out) == before


def test_a_rejected_file_is_tried_again(model, tmp_path):
    source, out = write(tmp_path / "in", *range(4)), tmp_path / "out"
    (source / "bad.wav").write_bytes(b"RIFF")
    good = (source / "003.wav").read_bytes()

    def rejects():
        with open(out / "_rejects.csv", newline="", encoding="utf-8") as file:
            return [row["clip_id"] for row in csv.DictReader(file)]

    first = embed(model, source, out)
    assert first.notes("in", "out", 5)[0].startswith("rejected: bad.wav: unreadable: ")
    assert [(one.clip_id, one.reason) for one in first.rejects] == [("bad.wav", "unreadable")] and rejects() == [
        "bad.wav"
    ]
    times = {path: path.stat().st_mtime_ns for path in out.glob("*.parquet")}
    again = embed(model, source, out)
    assert len(again.rejects) == 1 and again.num_before == 4
    assert times == {path: path.stat().st_mtime_ns for path in times}  # nothing new: not written again
    status = (source / "bad.wav").stat()
    (source / "bad.wav").write_bytes(good)
    assert embed(model, source, out).num_clips == 1 and rejects() == []
    assert status.st_size != (source / "bad.wav").stat().st_size
    shutil.rmtree(source)
    (tmp_path / "in").mkdir()
    (source / "bad.wav").write_bytes(b"RIFF")
    with pytest.raises(UserError, match="none of 1 clip could be used"):
        embed(model, source, tmp_path / "nothing")
    assert not parts(tmp_path / "nothing")


@pytest.mark.parametrize("value, rejected", [(np.nan, {"silent.wav", "silent at its end.wav"}), (0, {"silent.wav"})])
def test_a_clip_without_embeddings_is_rejected_and_silence_is_left_out(model, tmp_path, monkeypatch, value, rejected):
    class Spoilt:
        """Gives silence no embedding."""

        def __init__(self, loaded):
            self._loaded = loaded

        def __getattr__(self, name):
            return getattr(self._loaded, name)

        def window_vectors(self, windows):
            vectors, weights = (np.array(values) for values in self._loaded.window_vectors(windows))
            vectors[[not window.any() for window in windows]] = value
            return vectors, weights

    load = loaded_model.load
    monkeypatch.setattr(loaded_model, "load", lambda *arguments: Spoilt(load(*arguments)))
    source = write(tmp_path / "in", 1, 3)
    soundfile.write(source / "silent.wav", np.zeros(50000), 16000)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 16000 * 60 * 17)
    noise[-40000:] = 0
    soundfile.write(source / "silent at its end.wav", noise, 16000)  # when its beginning has been written
    summary = embed(model, source, tmp_path / "out", batch_size=256)
    reasons = {reject.clip_id: reject.reason for reject in summary.rejects}
    assert reasons == dict.fromkeys(rejected, "no embedding")
    names = [row[0] for row in rows(tmp_path / "out")]
    assert set(names) == {"001.wav", "003.wav", "silent.wav", "silent at its end.wav"} - rejected
    if not value:  # 1062 windows, and two of them in the silence
        assert names.count("silent at its end.wav") == 1060


def test_another_archive_is_refused_and_one_that_moved_is_not(model, tmp_path):
    source, out = write(tmp_path / "in", *range(6)), tmp_path / "out"
    embed(model, source, out)
    before = parts(out)
    other = write(tmp_path / "other", 1, 3, 101)
    with pytest.raises(
        UserError, match=rf"holds the embeddings of {source}, and this run is of {other}, which does not"
    ):
        embed(model, other, out)
    source.rename(tmp_path / "moved")
    assert embed(model, tmp_path / "moved", out).num_before == 6
    assert embed(model, tmp_path / "moved" / "*.wav", out).gone == [f"even/{number:03d}.wav" for number in (0, 2, 4)]
    assert parts(out) == before


def test_folders_of_others_and_of_other_models_are_refused(model, tmp_path):
    source = write(tmp_path / "in", 1)
    loaded = loaded_model.ExportedModel(model)
    about = (loaded.info.model_id, loaded.front_end_id, loaded.info.vector_size)
    with EmbeddingWriter(str(tmp_path / "old"), *about) as writer:
        writer.write(ClipInfo("a", "a"), [0.0], np.eye(1, loaded.info.vector_size))
    with pytest.raises(UserError, match=r"holds embeddings-00000.parquet, which another .* older version wrote"):
        embed(model, source, tmp_path / "old")
    assert read_clips(str(tmp_path / "old")).clip_ids == ["a"]
    embed(model, source, tmp_path / "out")
    with pytest.raises(UserError, match="out: holds parts of experiments.embed"):
        EmbeddingWriter(str(tmp_path / "out"), *about)
    other = str(tmp_path / "other model")
    saved_model.export(build_tiny_network(4), other, registry.FRONT_ENDS["log_mel"], {})
    with pytest.raises(UserError, match="has model_id tiny-8-.*, but this run has tiny-4-.*one model"):
        embed(other, source, tmp_path / "out")


def test_records_are_embedded_by_their_files(model, tmp_path, monkeypatch):
    clips = tiny_records.make_clips(12)
    for number in range(3):
        tiny_records.write(tmp_path / f"{number}.tfrecord", clips[4 * number : 4 * number + 4])
    data = tmp_path / "*.tfrecord"
    summary = embed(model, data, tmp_path / "out")
    assert (summary.num_clips, summary.num_windows) == (12, 24)
    stored = read_clips(str(tmp_path / "out"))
    known = {clip.clip_id: (clip.recording_id, clip.labels, clip.fold) for clip in clips}
    assert known == dict(zip(stored.clip_ids, zip(stored.recording_ids, stored.labels, stored.folds)))
    monkeypatch.setattr(audio_clips, "_BYTES_PER_ITEM", 200_000)  # two records
    items = audio_clips.find(str(data), (), loaded_model.ExportedModel(model)).items
    assert [(item.key, item.index, item.num_records) for item in items[:2]] == [
        ("0.tfrecord", 0, 2),
        ("0.tfrecord@2", 2, None),
    ]
    embed(model, data, tmp_path / "ranges")
    assert rows(tmp_path / "ranges") == rows(tmp_path / "out")
    embed(model, data, tmp_path / "fold", folds=(2,))
    assert rows(tmp_path / "fold") == [row for row in rows(tmp_path / "out") if known[row[0]][2] == 2]
    with pytest.raises(UserError, match="holds folds 2, not all: choose another"):
        embed(model, data, tmp_path / "fold")
    with pytest.raises(UserError, match="holds no clip of fold 7, only of"):
        embed(model, data, tmp_path / "none", folds=(7,))


def test_a_clip_that_is_given_twice_is_named_with_both_places(model, tmp_path):
    first, second = tiny_records.make_clips(2)
    one, two = tmp_path / "a" / "one.tfrecord", tmp_path / "b" / "two.tfrecord"
    for path in (one, two):
        path.parent.mkdir()
        tiny_records.write(path, [first, second] if path == one else [second])
    both = f"{one},{two}"
    for _ in range(2):
        with pytest.raises(
            UserError, match=f"clip clip1 is given twice, in .*{one}.* and in .*{two}|{two}.* and in .*{one}"
        ):
            embed(model, both, tmp_path / "out")
        ids = read_clips(str(tmp_path / "out")).clip_ids
        assert len(ids) == len(set(ids))
    for repeated in ([first, first], [first, second, first]):  # in a row too
        tiny_records.write(one, repeated)
        with pytest.raises(UserError, match=f"clip clip0 is given twice, twice in {one}"):
            embed(model, one, tmp_path / "single")
        assert not parts(tmp_path / "single")


def test_the_output_may_be_within_the_input(model, tmp_path):
    source, out = write(tmp_path / "in", *range(3)), tmp_path / "in" / "out"
    for num_new in (3, 0):
        summary = embed(model, source, out)
        assert (summary.num_clips, summary.num_before, summary.rejects) == (num_new, 3 - num_new, [])
    assert "1 .parquet file" in summary.left_out and "2 .json files" in summary.left_out
    records = tmp_path / "records"
    records.mkdir()
    tiny_records.write(records / "0.tfrecord", tiny_records.make_clips(2, 1))
    for num_new in (2, 0):
        assert embed(model, records, records).num_clips == num_new
    with pytest.raises(UserError, match="records: holds the records that are to be embedded: choose another"):
        embed(model, records, records, format="tfrecord")


@pytest.mark.usefixtures("small_shards")
def test_feature_records_go_the_same_way(model, tmp_path):
    source, out = write(tmp_path / "in", *range(8)), tmp_path / "out"
    embed(model, source, out, format="tfrecord")
    before = {path.name: path.read_bytes() for path in out.glob("*.tfrecord")}
    assert len(before) == 2 and (out / "features.json").exists()
    soundfile.write(source / "001.wav", np.full(40000, 0.5), 16000)
    summary = embed(model, source, out, format="tfrecord")
    assert (summary.num_clips, summary.num_before) == (1, 7)
    with pytest.raises(UserError, match="out: holds --format=tfrecord, not parquet: choose another --output"):
        embed(model, source, out)
    embed(model, source, tmp_path / "rows")
    stored = {row[:2]: row for row in rows(tmp_path / "rows")}
    vectors = dict(zip(read_clips(str(tmp_path / "rows")).clip_ids, range(8)))
    found = {}
    for path in sorted(out.glob("*.tfrecord")):
        for _, one in features.read_file(str(path)):
            found[one.clip.clip_id] = one
    assert set(found) == set(vectors) and sum(len(one.codes) for one in found.values()) == len(stored)
    assert found["001.wav"].clip.end_seconds == 2.5
