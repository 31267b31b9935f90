"""The clips of a folder: read without their embeddings, which come by row, whatever cuts the folder into pieces."""

import dataclasses

import numpy as np
import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.store import embeddings, stored_clips, window_parts
from tests import example_clips

WEIGHTS = np.random.default_rng(0).uniform(0.01, 1, [23, 3]).astype(np.float32)


@pytest.fixture(params=[1, 7, 1000])
def folder(request, tmp_path, monkeypatch):
    """23 clips of 3 windows in parts of 4 clips, read in batches of some windows."""
    monkeypatch.setattr(window_parts, "_BATCH_BYTES", request.param * 4 * 16)
    infos = example_clips.make_infos(23, 4)
    windows = example_clips.write(tmp_path, infos, rows_per_part=12, weights=WEIGHTS)
    return str(tmp_path), infos, windows


def test_clips_are_what_was_written_in_the_order_on_disk(folder):
    path, infos, _ = folder
    read = stored_clips.read_clips(path)
    assert read.clip_ids == [one.clip_id for one in infos]
    assert read.recording_ids == [one.recording_id for one in infos]
    assert read.labels == [one.labels for one in infos] and read.folds.tolist() == [one.fold for one in infos]
    assert read.class_names == {label: f"class {label}" for label in range(4)}
    assert read.part_rows.tolist() == [0, 4, 8, 12, 16, 20, 23] and read.model_id == "model"


def test_windows_come_with_the_row_of_their_clip(folder):
    path, _, windows = folder
    read = stored_clips.read_clips(path)
    rows, vectors, weights = (np.concatenate(values) for values in zip(*read.windows()))
    assert rows.tolist() == np.repeat(np.arange(23), 3).tolist()
    np.testing.assert_array_equal(vectors.reshape(windows.shape), windows)
    np.testing.assert_array_equal(weights.reshape(23, 3), WEIGHTS)


def test_only_the_chosen_clips_come_and_parts_without_one_are_not_read(folder, monkeypatch):
    path, _, windows = folder
    read = stored_clips.read_clips(path)
    chosen = np.zeros(23, bool)
    chosen[[5, 6, 7, 21]] = True
    opened = []
    original = embeddings.part_batches
    monkeypatch.setattr(embeddings, "part_batches", lambda part, *rest: opened.append(part) or original(part, *rest))
    rows, vectors, weights = (np.concatenate(parts) for parts in zip(*read.windows(chosen)))
    assert rows.tolist() == np.repeat([5, 6, 7, 21], 3).tolist()
    np.testing.assert_array_equal(vectors, windows[[5, 6, 7, 21]].reshape(-1, 16))
    np.testing.assert_array_equal(weights, WEIGHTS[[5, 6, 7, 21]].ravel())
    assert opened == [read.part_paths[1], read.part_paths[5]]


def test_vectors_are_weighted_sums_of_windows_brought_to_unit_length(folder):
    path, _, windows = folder
    expected = example_clips.unit((windows * WEIGHTS[..., None]).sum(axis=1))
    read = stored_clips.read_clips(path)
    rows, blocks = (np.concatenate(parts) for parts in zip(*read.vector_blocks()))
    assert rows.tolist() == list(range(23))
    np.testing.assert_allclose(blocks, expected, atol=1e-6)
    wanted = np.array([0, 3, 4, 11, 22])
    np.testing.assert_array_equal(read.vectors_at(wanted), blocks[wanted])
    in_memory = stored_clips.clip_vectors(path)
    np.testing.assert_array_equal(in_memory.vectors, blocks)
    np.testing.assert_array_equal(in_memory.vectors_at(wanted), blocks[wanted])
    assert in_memory.clip_ids == read.clip_ids


def test_rows_count_the_clips_of_the_folds_that_were_asked_for(folder):
    path, infos, windows = folder
    read = stored_clips.read_clips(path, [2])
    assert read.clip_ids == [one.clip_id for one in infos if one.fold == 2]
    sums = (windows * WEIGHTS[..., None])[[5, 21]].sum(axis=1)
    np.testing.assert_allclose(read.vectors_at(np.array([2, 10])), example_clips.unit(sums), atol=1e-6)


def test_clips_of_equal_labels_share_one_tuple(folder):
    labels = stored_clips.read_clips(folder[0]).labels
    assert len({id(one) for one in labels}) == 4


def test_only_equal_clips_are_compared(tmp_path):
    example_clips.write(tmp_path, example_clips.make_infos(6, 2))
    first = stored_clips.read_clips(str(tmp_path))
    stored_clips.require_same_clips(first, "A", first, "B")
    fewer = dataclasses.replace(first, clip_ids=first.clip_ids[:5], labels=first.labels[:5])
    with pytest.raises(UserError, match="clip00005, which B lacks"):
        stored_clips.require_same_clips(first, "A", fewer, "B")
    relabelled = dataclasses.replace(first, labels=[(1,)] + first.labels[1:])
    with pytest.raises(UserError, match="different labels to clip clip00000"):
        stored_clips.require_same_clips(first, "A", relabelled, "B")
