"""Damaged records are skipped and reported, and several readers share the files."""

import pytest
import tensorflow as tf

from audioset_triplet.errors import UserError
from audioset_triplet.records import reading, skipping
from tests.records.test_reading import flip, second_record, serialized, write

NUM_RECORDS = 6


@pytest.fixture
def files(tmp_path):
    """Two files of six clips each: clip0 to clip5, clip10 to clip15."""
    paths = (tmp_path / "a.tfrecord", tmp_path / "b.tfrecord")
    return [write(path, [serialized(10 * i + j) for j in range(NUM_RECORDS)]) for i, path in enumerate(paths)]


def read(files, skipped=None, **options):
    """The ids of the clips of one pass."""
    clips = skipping.read_clips(files, (), True, skipped, **options)
    ids = [clip["clip_id"].decode() for clip in clips.as_numpy_iterator()]
    assert len(set(ids)) == len(ids)
    return ids


ALL = {f"clip{10 * file + index}" for file in range(2) for index in range(NUM_RECORDS)}


def damage_file(path, how):
    size, second = path.stat().st_size, second_record(path)
    if how == "bytes":
        flip(path, second + 500)
    elif how == "length":
        flip(path, second)
    elif how == "two":
        flip(path, second + 500)
        flip(path, size - 500)
    else:
        path.write_bytes(path.read_bytes()[: {"cut": size - 100, "cut in a header": size - second + 7}[how]])


# How a file of six is damaged -> the numbers of its records that cannot be read, of these those that are reported.
DAMAGE = {
    "bytes": ([1], [1]),
    "length": ([1, 2, 3, 4, 5], [1]),  # where the next one begins is not known
    "two": ([1, 5], [1, 5]),
    "cut": ([5], [5]),
    "cut in a header": ([5], [5]),
}


def test_damaged_records_are_skipped_and_reported_once(tmp_path):
    files, undamaged, expected_reports = [], [], []
    for number, (how, (missing, reported)) in enumerate(DAMAGE.items()):
        path = tmp_path / f"{how}.tfrecord"
        files.append(write(path, [serialized(10 * number + index) for index in range(NUM_RECORDS)]))
        damage_file(path, how)
        undamaged += [f"clip{10 * number + index}" for index in range(NUM_RECORDS) if index not in missing]
        expected_reports += [[str(path), f"record {index}"] for index in reported]
    reports = []
    skipped = skipping.SkippedRecords(files, reports.append)
    clips = skipping.read_clips(files, (), True, skipped).repeat(2)
    ids = [clip["clip_id"].decode() for clip in clips.as_numpy_iterator()]
    assert sorted(ids) == sorted(2 * undamaged)
    assert sorted(line.split(": ")[:2] for line in reports) == sorted(expected_reports)
    assert skipped.count == len(expected_reports)


def test_undamaged_records_are_read_in_the_order_of_the_plain_reader(files):
    clips = reading.read_clips(files, (), True)
    expected = [clip["clip_id"].decode() for clip in clips.as_numpy_iterator()]
    assert read(files) == read(files, skipping.SkippedRecords(files, pytest.fail)) == expected
    assert set(expected) == ALL


def test_damage_is_an_error_where_nothing_notes_it(files, tmp_path):
    damage_file(tmp_path / "b.tfrecord", "bytes")
    with pytest.raises(UserError, match="b.tfrecord: record 1"), reading.named_errors(files):
        read(files)


def test_a_file_that_is_gone_is_an_error(files, tmp_path):
    (tmp_path / "b.tfrecord").unlink()
    with pytest.raises(tf.errors.OpError, match="b.tfrecord"):
        read(files, skipping.SkippedRecords(files))


@pytest.mark.parametrize("num_readers", [2, 3])
def test_readers_share_files_or_records(files, num_readers):
    shards = [read(files, skipping.SkippedRecords(files), shard=(num_readers, reader)) for reader in range(num_readers)]
    together = [clip_id for shard in shards for clip_id in shard]
    assert len(together) == 2 * NUM_RECORDS and set(together) == ALL
    if num_readers == 2:
        assert set(shards[0]) == {f"clip{index}" for index in range(NUM_RECORDS)}
