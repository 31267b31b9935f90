"""Parquet files that are none, or not what they should be, are one line that names the file."""

import os
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError
from audioset_triplet.store import assignments, embeddings, frame_labels, scores, stored_clips, window_scores

PART = "embeddings-00000.parquet"


def write_embeddings(folder):
    with embeddings.EmbeddingWriter(str(folder), "model", "front-end", 4) as writer:
        for name in ("a", "b"):
            writer.write(ClipInfo(name, name, (0,), ("dog",), 1), np.arange(2.0), np.eye(4, dtype=np.float32)[:2])
    return folder / PART


def write_assignments(folder):
    info = assignments.AssignmentsInfo("model", "front-end", 3, "clips", "kmeans", "1")
    with assignments.writing(str(folder), info) as writer:
        writer.write(np.array(["a", "b"], object), np.array([0, 1]), np.array([0.5, 0.5]))
    return folder / "assignments.parquet"


def write_scores(folder):
    folder.mkdir()
    names, values = {0: "x", 1: "y"}, np.zeros([1, 2], np.float32)
    scores.write(str(folder / "scores.parquet"), scores.ClipScores(["a"], values, values > 0, [0, 1], names))
    return folder / "scores.parquet"


def write_window_scores(folder):
    folder.mkdir()
    info = window_scores.ScoreInfo("model", "front-end", "1", (0, 1), ("x", "y"), 0.975, 0.96)
    clip = window_scores.ScoredClip(ClipInfo("a", "a", (0,), ("x",)), np.arange(2.0), np.eye(2))
    window_scores.write_part(str(folder / "scores-00000.parquet"), info, [clip])
    return folder / "scores-00000.parquet"


def write_frame_labels(folder):
    folder.mkdir()
    info = frame_labels.FrameLabelInfo("model", "front-end", 0.5, 1.0, 1.0, "1")
    rows = [np.zeros(2, np.int64), np.arange(2.0), np.array([3, 3]), np.array([1, 0.25]), np.array([True, False])]
    with frame_labels.writing(str(folder / "frame_labels.parquet"), info) as writer:
        writer.write(frame_labels.FrameLabelBatch(["a"], *rows, {3: "dog"}))
    return folder / "frame_labels.parquet"


STORES = {
    "embeddings": (write_embeddings, lambda path: stored_clips.clip_vectors(str(path.parent))),
    "assignments": (write_assignments, lambda path: assignments.read(str(path.parent))),
    "scores": (write_scores, lambda path: scores.read(str(path))),
    "window scores": (write_window_scores, lambda path: window_scores.clip_scores(str(path.parent))),
    "frame labels": (write_frame_labels, lambda path: list(frame_labels.read_batches(str(path)))),
}


def with_column(path, name, values):
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.schema.get_field_index(name), name, values(table)), path)


def with_metadata(path, **metadata):
    table = pq.read_table(path)
    changes = {key.encode(): value for key, value in metadata.items()}
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, **changes}), path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_text("<html>"),
        lambda path: path.write_bytes(b""),
        lambda path: os.truncate(path, path.stat().st_size // 2),
        lambda path: os.truncate(path, path.stat().st_size - 4),
        lambda path: pq.write_table(pa.table({"a": [1]}), path),
        lambda path: pq.write_table(pq.read_table(path).select(["clip_id"]), path),
        lambda path: with_column(path, "clip_id", lambda table: pa.nulls(table.num_rows, pa.string())),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: path.write_bytes(path.read_bytes().replace(b"clip_id", b"clip\xc2id")),
    ],
)
@pytest.mark.parametrize("store", STORES)
def test_a_file_that_is_not_what_it_should_be_is_named(tmp_path, store, damage):
    write, read = STORES[store]
    path = write(tmp_path / "store")
    read(path)
    damage(path)
    with pytest.raises(UserError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "store, damage, message",
    [
        (
            "embeddings",
            lambda path: with_column(
                path, "embedding", lambda table: table["embedding"].cast(pa.list_(pa.float64(), 4))
            ),
            r"column embedding holds .*double.*, not .*float",
        ),
        (
            "embeddings",
            lambda path: with_column(path, "weight", lambda table: pa.array([np.nan] * 4, pa.float32())),
            "a window of clip a has the weight nan, not a positive number",
        ),
        ("embeddings", lambda path: with_metadata(path, embedding_size="four"), "damaged .Expecting value"),
        ("embeddings", lambda path: pq.write_table(pq.read_table(path).slice(0, 0), path), "holds no clip;"),
        ("embeddings", lambda path: shutil.copy(path, f"{path.parent}/embeddings-0 (1).parquet"), "not a file name"),
        (
            "assignments",
            lambda path: with_column(path, "cluster", lambda table: pa.array(["x", "y"])),
            "column cluster holds string, not int32",
        ),
        ("assignments", lambda path: with_metadata(path, num_clusters="x"), "damaged .invalid literal"),
        ("scores", lambda path: with_metadata(path, classes="3"), "not a file of scores, or a damaged one"),
        ("scores", lambda path: with_column(path, "scores", lambda _: pa.array([1.0])), "not a file of scores"),
        ("window scores", lambda path: with_metadata(path, classes="[1, 0]"), "damaged .classes must be ascending"),
        ("window scores", lambda path: with_metadata(path, class_names='["x"]'), "damaged .1 names of 2 classes"),
        ("window scores", lambda path: with_metadata(path, classes="3"), "damaged .*not iterable"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, store, damage, message):
    write, read = STORES[store]
    path = write(tmp_path / "store")
    damage(path)
    with pytest.raises(UserError, match=message) as caught:
        read(path)
    assert str(tmp_path / "store") in str(caught.value)


def test_other_files_beside_the_parts_do_no_harm(tmp_path):
    path = write_embeddings(tmp_path / "store")
    for name in (f"._{PART}", ".DS_Store", "_rejects.csv", "embeddings.txt"):
        (path.parent / name).write_text("x")
    assert stored_clips.clip_vectors(str(path.parent)).clip_ids == ["a", "b"]
    with pytest.raises(UserError, match="is a file; give the folder"):
        embeddings.read_info(str(path))
