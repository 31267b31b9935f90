"""Stored vectors in random order: in memory, and mapped from a file where they are too many."""

import tempfile

import numpy as np
import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.store import embeddings, stored_clips
from audioset_triplet.store.shuffled import ShuffledVectors
from tests import example_clips

SIZE = 16


def read(stored, chosen, capacity):
    """The windows of some clips, of which memory holds so many; and how many of them each part has."""
    blocks = ((rows, vectors) for rows, vectors, _ in stored.windows(chosen))
    windows = ShuffledVectors(blocks, SIZE, capacity * 4 * SIZE)
    return windows, np.diff(np.searchsorted(windows.keys, stored.part_rows))


def windows_of_passes(source, part_sizes, passes):
    """The (row, first value) pairs of each pass over the windows."""
    batches = source.batches(10, 3, part_sizes)
    found = []
    for _ in range(passes):
        pairs = []
        while len(pairs) < len(source.keys):
            rows, vectors = next(batches)
            assert len(rows) <= 10 and vectors.shape == (len(rows), SIZE)
            pairs += zip(rows.tolist(), vectors[:, 0].tolist())
        found.append(pairs)
    return found


@pytest.mark.parametrize("capacity", [7, 50, 1000])
def test_each_pass_shows_every_chosen_window_once_in_another_order(tmp_path, capacity):
    windows = example_clips.write(tmp_path, example_clips.make_infos(40, 4), rows_per_part=15)
    chosen = np.arange(40) % 4 > 0
    source, part_sizes = read(stored_clips.read_clips(str(tmp_path)), chosen, capacity)
    expected = sorted((row, float(value)) for row in np.flatnonzero(chosen) for value in windows[row, :, 0])
    first, second = windows_of_passes(source, part_sizes, passes=2)
    assert sorted(first) == sorted(second) == expected
    assert first != second and first != sorted(first)
    mean, variance = source.mean_and_variance()
    flat = windows[chosen].reshape(-1, SIZE)
    assert len(source.keys) == len(flat) and isinstance(source.vectors, np.memmap) == (capacity < len(flat))
    np.testing.assert_allclose(mean, flat.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(variance, flat.var(axis=0), rtol=1e-4)


def test_windows_are_read_once_whether_memory_holds_them_or_not(tmp_path, monkeypatch):
    example_clips.write(tmp_path, example_clips.make_infos(40, 4), rows_per_part=1000)
    opened = []
    original = embeddings.part_batches
    stored = stored_clips.read_clips(str(tmp_path))
    monkeypatch.setattr(embeddings, "part_batches", lambda path, *rest: opened.append(path) or original(path, *rest))
    for capacity in (120, 119):
        opened.clear()
        source, part_sizes = read(stored, np.ones(40, bool), capacity)
        source.mean_and_variance()
        windows_of_passes(source, part_sizes, passes=3)
        assert len(opened) == 1


def test_a_buffer_takes_the_parts_in_a_random_order():
    """By hand: six vectors in parts of 1, 3 and 2, of which memory holds four."""
    vectors = np.arange(6, dtype=np.float32)[:, None]
    source = ShuffledVectors([(np.arange(6), vectors)], 1, 4 * 4)
    batches = source.batches(10, 5, [1, 3, 2])
    random = np.random.default_rng(5)
    for _ in range(3):
        parts = random.permutation(3)
        order = [row for part in parts for row in ([0], [1, 2, 3], [4, 5])[part]]
        for filling in (order[:4], order[4:]):
            keys, drawn = next(batches)
            assert keys.tolist() == drawn[:, 0].tolist() == [filling[i] for i in random.permutation(len(filling))]


@pytest.mark.parametrize("in_memory_bytes", [0, 1000])
def test_batches_run_on_from_pass_to_pass(in_memory_bytes):
    vectors = np.arange(5, dtype=np.float32)[:, None]
    source = ShuffledVectors([(np.arange(2), vectors[:2]), (np.arange(2, 5), vectors[2:])], 1, in_memory_bytes)
    np.testing.assert_array_equal(source.vectors, vectors)
    expected = np.concatenate([np.random.default_rng([7, number]).permutation(5) for number in range(3)])
    rows = [source.rows_of_batch(step, 3, 7).tolist() for step in (4, 0, 1, 2, 3)]  # in any order
    assert sum(rows[1:] + rows[:1], []) == expected.tolist()


def test_a_temporary_folder_that_does_not_exist_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(UserError, match="none: cannot hold the embeddings .*: set TMPDIR"):
        ShuffledVectors([(np.arange(2), np.ones([2, 1]))], 1, 100)
