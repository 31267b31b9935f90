"""Parquet files with checksums: every flipped bit of the values is seen, and so is text that is none."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audioset_triplet.store import parquet

TABLE = pa.table({"clip_id": ["a", "b", "a"] * 20, "value": np.arange(60, dtype=np.float32)})


@pytest.fixture
def path(tmp_path):
    parquet.write(TABLE, str(tmp_path / "file.parquet"))
    return tmp_path / "file.parquet"


def test_what_is_written_is_read(path):
    assert parquet.read(str(path)) == TABLE and parquet.schema_of(str(path)) == TABLE.schema
    assert pa.Table.from_batches(parquet.batches(str(path), 7)) == TABLE
    assert parquet.read(str(path), ["value"]) == TABLE.select(["value"])


@pytest.mark.parametrize("value", [3.0, 17.0, 59.0])
def test_a_flipped_bit_of_a_value_is_damage(path, value):
    content = bytearray(path.read_bytes())
    content[bytes(content).index(np.float32(value).tobytes())] ^= 4
    path.write_bytes(content)
    assert pq.read_table(path) != TABLE  # what nobody would see
    with pytest.raises((OSError, pa.ArrowException)):
        parquet.read(str(path))
    with pytest.raises((OSError, pa.ArrowException)):
        list(parquet.batches(str(path), 100))


def test_a_file_without_checksums_is_read(path):
    pq.write_table(TABLE, path)
    assert parquet.read(str(path)) == TABLE


def test_text_that_is_no_utf_8_is_damage(path):
    pq.write_table(pa.table({"clip_id": ["plain"]}), path, use_dictionary=False, compression="none")
    path.write_bytes(path.read_bytes().replace(b"plain", b"pl\xffin"))
    for read in (parquet.read, lambda name: list(parquet.batches(name, 10))):
        with pytest.raises(pa.ArrowException):
            read(str(path))
