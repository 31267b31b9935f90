"""What can be searched for, and a search from sound to hits."""

import csv
import functools

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import clip_windows, saved_model
from audioset_triplet.frontend import registry
from audioset_triplet.search import queries
from audioset_triplet.store.stored_clips import clip_vectors
from tests import processes
from tests.export import archives
from tests.search import stores
from tests.tiny_network import build_tiny_network

SIZE = 6
CLIP, LONG = "talks/7/07@10", "music/8/08@10"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    clips = stores.coarse(SIZE)
    clips[LONG] = np.eye(5, SIZE) + 0.5
    return stores.write(tmp_path_factory.mktemp("store"), clips, 9)


def test_queries_are_clips_windows_and_vectors(store, tmp_path):
    clips = clip_vectors(str(store))
    rows = {(row["clip_id"], round(float(row["start"]), 2)): row["vector"] for row in stores.rows(store)}
    vectors = np.random.default_rng(1).normal(size=(2, SIZE))
    np.save(tmp_path / "two.npy", vectors)
    texts = [CLIP, f"{LONG}@2.5", str(tmp_path / "two.npy")]
    clip, window, first, second = queries.read(texts, str(store))
    np.testing.assert_allclose(clip.vector, clips.vectors[clips.clip_ids.index(CLIP)], atol=1e-6)
    np.testing.assert_allclose(window.vector, rows[LONG, 1.92], atol=1e-6)
    np.testing.assert_allclose(
        [first.vector, second.vector], vectors / np.linalg.norm(vectors, axis=1)[:, None], rtol=1e-5
    )
    assert (clip.clip_id, window.clip_id, first.clip_id) == (CLIP, LONG, "")
    assert (first.text, second.text) == (f"{tmp_path}/two.npy:0", f"{tmp_path}/two.npy:1")


def test_queries_that_name_nothing_are_one_clear_line(store, tmp_path):
    np.save(tmp_path / "wide.npy", np.ones(SIZE + 1))
    np.save(tmp_path / "zero.npy", np.zeros(SIZE))
    (tmp_path / "text.npy").write_text("no array")
    (tmp_path / "sound.wav").write_text("no sound")
    for text, message in [
        ("clip99", "no clip of .*, no window of one .* and no file or event in one"),
        (f"{CLIP}@-1", "no clip of"),
        (f"{CLIP}@99", "its last window starts at"),
        (str(tmp_path / "wide.npy"), r"has the shape \[7\] .*, not vectors of 6 numbers"),
        (str(tmp_path / "zero.npy"), "has no direction: its norm is 0"),
        (str(tmp_path / "text.npy"), "not a NumPy file of vectors"),
        (str(tmp_path / "sound.wav"), "to search by a sound file, give the --model of the store, model"),
        (str(tmp_path / "sound.wav@3"), "sound.wav@3: to search by a sound file, give the --model of the store"),
    ]:
        with pytest.raises(UserError, match=message):
            queries.read([text], str(store))


@pytest.mark.slow
def test_a_sound_file_finds_itself_in_the_store_of_its_archive(tmp_path):
    model = str(tmp_path / "model")
    saved_model.export(build_tiny_network(), model, registry.FRONT_ENDS["log_mel"], {})
    source = archives.write(tmp_path / "in", 1, 3, 5)
    archives.write(tmp_path / "in", 7, seconds=40)
    archives.embed(model, source, tmp_path / "store")
    query, event = source / "003.wav", f"{source / '007.wav'}@33.7"
    flags = processes.flags(embeddings=tmp_path / "store", model=model, top=2, audio=source, output=tmp_path / "hits")
    flags += [f"--query={query}", f"--query={event}", f"--compact={tmp_path / 'compact'}"]
    result = processes.run("experiments.search", *flags)
    assert result.returncode == 0 and "2 queries, 4 hits" in result.stdout, result.stderr
    rows = pq.read_table(tmp_path / "hits" / "hits.parquet").to_pylist()
    assert [row["clip_id"] for row in rows[:2]] == ["003.wav", "003.wav"] and rows[0]["query"] == str(query)
    assert rows[2]["clip_id"] == "007.wav" and rows[2]["cosine"] > 0.999
    assert rows[2]["start_seconds"] == pytest.approx(35 * 0.96)  # the last window that has begun at 33.7 s
    assert (tmp_path / "hits" / "hits.csv").read_bytes().startswith(b"\xef\xbb\xbfquery,")
    with open(tmp_path / "hits" / "hits.csv", newline="", encoding="utf-8-sig") as file:
        table = list(csv.DictReader(file))
    assert [(row["clip_id"], row["rank"]) for row in table[:2]] == [("003.wav", "1"), ("003.wav", "2")]
    assert float(table[0]["cosine"]) == pytest.approx(rows[0]["cosine"], abs=1e-6)
    page = (tmp_path / "hits" / "hits.html").read_text()
    assert page.count("<audio") == page.count("Log-mel spectrogram of") == 4

    def embed(path, seconds, of=model):
        return clip_windows.vector_of_file(path, seconds, EmbeddingModelConfig(model=of))

    other = str(tmp_path / "other")
    saved_model.export(build_tiny_network(4), other, registry.FRONT_ENDS["log_mel"], {})
    with pytest.raises(UserError, match="has model_id tiny-8-.*: search with the model that embedded the store"):
        queries.read([str(query)], str(tmp_path / "store"), functools.partial(embed, of=other))
    with pytest.raises(UserError, match=r"007.wav@40: its last window starts at 38.4 s"):
        queries.read([f"{source / '007.wav'}@40"], str(tmp_path / "store"), embed)
    soundfile.write(tmp_path / "in" / "none.wav", np.zeros(0), 16000)
    with pytest.raises(UserError, match="none.wav: empty"):
        queries.read([str(tmp_path / "in" / "none.wav")], str(tmp_path / "store"), embed)
