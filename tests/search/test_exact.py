"""Search finds what a plain NumPy search over all windows finds, in the same order."""

import csv
import functools

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import clip_windows, saved_model
from audioset_triplet.frontend import registry
from audioset_triplet.search import exact, queries
from audioset_triplet.store import embeddings, window_parts
from audioset_triplet.store.embeddings import EmbeddingWriter
from audioset_triplet.store.stored_clips import clip_vectors
from tests import processes
from tests.export import archives
from tests.tiny_network import build_tiny_network

SIZE, CLIPS, WINDOWS = 6, 40, 5


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Parts of nine clips; coarse numbers, so that many windows are equal."""
    folder = tmp_path_factory.mktemp("store")
    random = np.random.default_rng(0)
    with EmbeddingWriter(str(folder), "model", "front-end", SIZE, rows_per_part=9 * WINDOWS) as writer:
        for number in random.permutation(CLIPS):
            vectors = random.integers(-1, 2, [WINDOWS, SIZE]) + [[3] + [0] * (SIZE - 1)]
            clip = ClipInfo(f"clip{number:02d}@10", "r", (int(number % 3),), (f"class {number % 3}",))
            unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            writer.write(clip, 0.96 * np.arange(WINDOWS), unit, random.uniform(0.1, 1, WINDOWS))
    return folder


def oracle(folder, vector, own, top):
    """(clip id, start, cosine) of the best windows, by sorting all of them."""
    rows = []
    for batch in embeddings.read_batches(str(folder)):
        for clip_id, start, stored in zip(batch.clip_ids, batch.window_start_seconds, batch.embeddings):
            cosine = np.float32(sum(float(a) * float(b) for a, b in zip(stored, vector)))
            if clip_id != own:
                rows.append((-cosine, clip_id, start))
    return [(clip_id, start, -cosine) for cosine, clip_id, start in sorted(rows)[:top]]


def found(table, index):
    rows = [row for row in table.to_pylist() if row["query"] == index]
    assert [row["rank"] for row in rows] == list(range(1, 1 + len(rows)))
    return [(row["clip_id"], row["window_start_seconds"], row["cosine"]) for row in rows]


@pytest.mark.parametrize("top, num_workers", [(1, 1), (7, 1), (30, 2), (1000, 1)])
def test_hits_are_those_of_a_plain_search(store, tmp_path, top, num_workers, monkeypatch):
    texts = ["clip07@10", "clip11@10@1.5", "clip30@10@0"]
    wanted = queries.read(texts, str(store))
    if num_workers == 1:
        monkeypatch.setattr(window_parts, "_BATCH_BYTES", 11 * 4 * SIZE)  # blocks of eleven rows
    where = exact.at(str(tmp_path), RunnerConfig(num_workers=num_workers))
    table = exact.search(wanted, str(store), top, where)
    assert len(list(store.glob("*.parquet"))) == 5 and not (tmp_path / "_searching").exists()
    for index, query in enumerate(wanted):
        expected = oracle(store, query.vector, query.clip_id, top)
        hits = found(table, index)
        assert [hit[:2] for hit in hits] == [hit[:2] for hit in expected]
        np.testing.assert_allclose([hit[2] for hit in hits], [hit[2] for hit in expected], rtol=1e-6)
        assert len({hit[2] for hit in hits}) < len(hits) or top == 1  # there were ties


def test_queries_are_clips_windows_and_vectors(store, tmp_path):
    clips = clip_vectors(str(store))
    rows = {
        (b.clip_ids[i], round(float(b.window_start_seconds[i]), 2)): b.embeddings[i]
        for b in embeddings.read_batches(str(store))
        for i in range(len(b.clip_ids))
    }
    vectors = np.random.default_rng(1).normal(size=(2, SIZE))
    np.save(tmp_path / "two.npy", vectors)
    clip, window, first, second = queries.read(["clip07@10", "clip07@10@2.5", str(tmp_path / "two.npy")], str(store))
    np.testing.assert_allclose(clip.vector, clips.vectors[clips.clip_ids.index("clip07@10")], atol=1e-6)
    np.testing.assert_allclose(window.vector, rows["clip07@10", 1.92], atol=1e-6)
    np.testing.assert_allclose(
        [first.vector, second.vector], vectors / np.linalg.norm(vectors, axis=1)[:, None], rtol=1e-5
    )
    assert (clip.clip_id, window.clip_id, first.clip_id) == ("clip07@10", "clip07@10", "")
    assert (first.text, second.text) == (f"{tmp_path}/two.npy:0", f"{tmp_path}/two.npy:1")


def test_queries_that_name_nothing_are_one_clear_line(store, tmp_path):
    np.save(tmp_path / "wide.npy", np.ones(SIZE + 1))
    np.save(tmp_path / "zero.npy", np.zeros(SIZE))
    (tmp_path / "text.npy").write_text("no array")
    (tmp_path / "sound.wav").write_text("no sound")
    for text, message in [
        ("clip99", "no clip of .*, no window of one .* and no file"),
        ("clip07@10@-1", "no clip of"),
        ("clip07@10@99", "its last window starts at"),
        (str(tmp_path / "wide.npy"), r"has the shape \[7\] .*, not vectors of 6 numbers"),
        (str(tmp_path / "zero.npy"), "has no direction: its norm is 0"),
        (str(tmp_path / "text.npy"), "not a NumPy file of vectors"),
        (str(tmp_path / "sound.wav"), "to search by a sound file, give the --model of the store, model"),
    ]:
        with pytest.raises(UserError, match=message):
            queries.read([text], str(store))


@pytest.mark.slow
def test_a_sound_file_finds_itself_in_the_store_of_its_archive(tmp_path):
    model = str(tmp_path / "model")
    saved_model.export(build_tiny_network(), model, registry.FRONT_ENDS["log_mel"], {})
    source = archives.write(tmp_path / "in", 1, 3, 5)
    archives.embed(model, source, tmp_path / "store")
    query = source / "003.wav"
    flags = processes.flags(embeddings=tmp_path / "store", query=query, model=model, top=2, output=tmp_path / "hits")
    result = processes.run("experiments.search", *flags)
    assert result.returncode == 0 and "1 query, 2 hits" in result.stdout, result.stderr
    rows = pq.read_table(tmp_path / "hits" / "hits.parquet").to_pylist()
    assert [row["clip_id"] for row in rows] == ["003.wav", "003.wav"] and rows[0]["query"] == str(query)
    with open(tmp_path / "hits" / "hits.csv", newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [(row["clip_id"], row["rank"]) for row in table] == [("003.wav", "1"), ("003.wav", "2")]
    assert float(table[0]["cosine"]) == pytest.approx(rows[0]["cosine"], abs=1e-6)
    other = str(tmp_path / "other")
    saved_model.export(build_tiny_network(4), other, registry.FRONT_ENDS["log_mel"], {})
    embed = functools.partial(clip_windows.vector_of_file, config=EmbeddingModelConfig(model=other))
    with pytest.raises(UserError, match="has model_id tiny-8-.*: search with the model that embedded the store"):
        queries.read([str(query)], str(tmp_path / "store"), embed)
    soundfile.write(tmp_path / "in" / "none.wav", np.zeros(0), 16000)
    with pytest.raises(UserError, match="none.wav: empty"):
        queries.read([str(tmp_path / "in" / "none.wav")], str(tmp_path / "store"), embed)
