"""Records with their places: damaged ones are passed over and named, and several readers share what there is."""

import pytest
import tensorflow as tf

from audioset_triplet.errors import UserError
from audioset_triplet.records import places, reading
from tests.records.test_reading import flip, second_record, serialized, write

NUM_RECORDS = 6


@pytest.fixture
def files(tmp_path):
    """Two files of six clips each: clip0 to clip5, clip10 to clip15."""
    paths = (tmp_path / "a.tfrecord", tmp_path / "b.tfrecord")
    return [write(path, [serialized(10 * i + j) for j in range(NUM_RECORDS)]) for i, path in enumerate(paths)]


def read(files, damage=None, **options):
    """Clip id -> place, of one pass."""
    found = places.read_clips(files, (), True, damage, **options)
    pairs = [(clip["clip_id"].decode(), tuple(clip["place"])) for clip in found.as_numpy_iterator()]
    assert len(set(pairs)) == len(pairs)
    return dict(pairs)


def expected():
    return {f"clip{10 * file + index}": (file, index) for file in range(2) for index in range(NUM_RECORDS)}


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


def test_damaged_records_are_passed_over_and_told_once(tmp_path):
    files, undamaged, expected_reports = [], [], []
    for number, (how, (missing, reported)) in enumerate(DAMAGE.items()):
        path = tmp_path / f"{how}.tfrecord"
        files.append(write(path, [serialized(10 * number + index) for index in range(NUM_RECORDS)]))
        damage_file(path, how)
        undamaged += [(number, index) for index in range(NUM_RECORDS) if index not in missing]
        expected_reports += [[str(path), f"record {index}"] for index in reported]
    told = []
    damage = places.Damage(files, told.append)
    clips = places.read_clips(files, (), True, damage).repeat(2)
    found = [(clip["clip_id"].decode(), tuple(clip["place"])) for clip in clips.as_numpy_iterator()]
    assert sorted(found) == sorted(2 * [(f"clip{10 * file + index}", (file, index)) for file, index in undamaged])
    assert sorted(line.split(": ")[:2] for line in told) == sorted(expected_reports)
    assert damage.count == len(expected_reports)


def test_places_are_those_of_the_whole_list(files):
    damage = places.Damage(files, pytest.fail)
    assert read(files) == read(files, damage) == expected()


def test_without_a_note_of_damage_it_is_an_error(files, tmp_path):
    damage_file(tmp_path / "b.tfrecord", "bytes")
    with pytest.raises(UserError, match="b.tfrecord: record 1"), reading.named_errors(files):
        read(files)


def test_a_file_that_is_gone_is_an_error(files, tmp_path):
    (tmp_path / "b.tfrecord").unlink()
    with pytest.raises(tf.errors.OpError, match="b.tfrecord"):
        read(files, places.Damage(files))


@pytest.mark.parametrize("num_readers", [2, 3])
def test_readers_share_files_or_records(files, num_readers):
    parts = [read(files, places.Damage(files), part=(num_readers, reader)) for reader in range(num_readers)]
    together = [pair for part in parts for pair in part.items()]
    assert len(together) == 2 * NUM_RECORDS and dict(together) == expected()
    if num_readers == 2:
        assert {place[0] for place in parts[0].values()} == {0}


def test_places_are_named(files):
    named = places.names(files, [(1, 5), (0, 0), (1, 2), (1, 5)])
    assert named == [
        f"{files[0]}: record 0 (clip clip0)",
        f"{files[1]}: record 2 (clip clip12)",
        f"{files[1]}: record 5 (clip clip15)",
    ]
