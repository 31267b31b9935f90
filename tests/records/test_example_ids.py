"""From the hash of a clip back to its record."""

import pytest
import tensorflow as tf

from audioset_triplet.records import example_ids
from tests.records.test_reading import flip, second_record, serialized, write


@pytest.fixture
def files(tmp_path):
    """Two files of six clips each: clip0 to clip5, clip10 to clip15."""
    paths = (tmp_path / "a.tfrecord", tmp_path / "b.tfrecord")
    return [write(path, [serialized(10 * i + j) for j in range(6)]) for i, path in enumerate(paths)]


def ids_of(*numbers):
    return [int(example_ids.hash_ids(f"clip{number}")) for number in numbers]


def test_a_hash_is_the_same_alone_and_in_a_batch_and_never_negative():
    names = [f"clip{number}" for number in range(1000)]
    hashes = example_ids.hash_ids(tf.constant(names)).numpy()
    assert hashes.min() >= 0 and len(set(hashes.tolist())) == 1000
    assert hashes[[0, 7]].tolist() == ids_of(0, 7)


def test_records_are_found_and_named_in_the_order_of_the_files(files):
    assert example_ids.find_records(files, ids_of(15, 0, 12, 15, 99), 9) == [
        f"{files[0]}: record 0 (clip clip0)",
        f"{files[1]}: record 2 (clip clip12)",
        f"{files[1]}: record 5 (clip clip15)",
    ]
    assert example_ids.find_records(files, [], 9) == []


def test_no_more_records_are_read_than_are_named(files, tmp_path):
    damaged = tmp_path / "b.tfrecord"
    damaged.write_bytes(b"no records")
    assert example_ids.find_records(files, ids_of(1), 9) == [f"{files[0]}: record 1 (clip clip1)"]
    assert len(example_ids.find_records(files, ids_of(*range(6)), 4)) == 4


def test_damaged_records_are_skipped(files, tmp_path, capsys):
    path = tmp_path / "b.tfrecord"
    flip(path, second_record(path) + 500)
    assert example_ids.find_records(files, ids_of(11, 13), 9) == [f"{path}: record 3 (clip clip13)"]
    assert capsys.readouterr().err == ""
