"""Parquet files whose pages have checksums, so that a flipped bit is damage and not another number.

All files of `store` are written and read here. Files without checksums, from older versions, are read too.
"""

import contextlib
from typing import Any, BinaryIO, Iterator, List, Optional, Sequence, Union

import pyarrow as pa
import pyarrow.parquet as pq

Where = Union[str, BinaryIO]
Writer: Any = pq.ParquetWriter


def writer(where: Where, schema: pa.Schema, dictionaries: Union[bool, Sequence[str]] = True) -> Writer:
    """A writer of a file.

    Args:
        where: path, or a file that is open for writing.
        schema: its columns and metadata.
        dictionaries: the columns whose values repeat; True: all.
    """
    repeating: Any = dictionaries if isinstance(dictionaries, bool) else list(dictionaries)
    return Writer(where, schema, use_dictionary=repeating, write_page_checksum=True)


def write(table: pa.Table, where: Where) -> None:
    """Writes a table to a file, or to one that is open for writing."""
    with writer(where, table.schema) as file:
        file.write_table(table)


def read(where: Where, columns: Optional[List[str]] = None) -> pa.Table:
    """The whole file, or some of its columns.

    Raises:
        pa.ArrowException, OSError: it is damaged, or no Parquet.
    """
    with _damaged_names():
        table = pq.read_table(where, columns=columns, page_checksum_verification=True)
        _require_text(table.schema)
    table.validate(full=True)  # text that is no UTF-8, for example
    return table


def batches(path: str, batch_size: int, columns: Optional[List[str]] = None) -> Iterator[pa.RecordBatch]:
    """The rows of a file, at most `batch_size` at a time; raises what `read` raises."""
    with _damaged_names(), pq.ParquetFile(path, page_checksum_verification=True) as part:
        _require_text(part.schema_arrow)
        # pyarrow 18, the newest for Python 3.9, refuses a file without a row group, which is one without rows.
        for batch in part.iter_batches(batch_size, columns=columns) if part.num_row_groups else ():
            batch.validate(full=True)
            yield batch


def schema_of(path: str) -> pa.Schema:
    """The columns and the metadata of a file; raises what `read` raises."""
    with _damaged_names():
        schema = pq.read_schema(path)
        _require_text(schema)
        return schema


def num_rows(path: str) -> int:
    """The number of rows of a file; raises what `read` raises."""
    return pq.read_metadata(path).num_rows


def _require_text(schema: pa.Schema) -> None:
    """Raises a UnicodeDecodeError if a name is no UTF-8: pyarrow decodes names when they are asked for."""
    for field in schema:
        str(field.name)


@contextlib.contextmanager
def _damaged_names() -> Iterator[None]:
    """Checksums are of pages alone: a name of a column that is no UTF-8 is damage like any other."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise pa.ArrowInvalid(f"a name is not UTF-8: {error}") from error
