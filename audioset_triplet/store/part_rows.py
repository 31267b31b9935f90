"""The clips of one part of a folder of vectors, as a writer of another part copies them (`store.part_writers`)."""

import io
from typing import Any, Dict

import pyarrow as pa
import pyarrow.compute as pc

from audioset_triplet.records import framing
from audioset_triplet.store import features, parquet, window_parts
from audioset_triplet.store.part_info import PartInfo


def of_parquet(data: bytes, info: PartInfo) -> Dict[str, pa.RecordBatch]:
    """Clip id -> its rows, of the bytes of a Parquet part; `info` is what the rows are to say they are of.

    Raises:
        pa.ArrowException, OSError: damaged.
    """
    schema = window_parts.build_schema(info)
    table = parquet.read(io.BytesIO(data)).combine_chunks()
    rows: Dict[str, pa.RecordBatch] = {}
    if not table.num_rows:
        return rows
    batch = pa.RecordBatch.from_arrays([table[name].chunk(0) for name in schema.names], schema=schema)
    clip_ids = batch["clip_id"]
    begins = pc.indices_nonzero(pc.not_equal(clip_ids[1:], clip_ids[:-1])).to_pylist()
    starts = [0, *(begin + 1 for begin in begins)]
    for start, end in zip(starts, [*starts[1:], batch.num_rows]):
        rows[clip_ids[start].as_py()] = batch.slice(start, end - start)
    return rows


def of_features(data: bytes) -> Dict[str, bytes]:
    """Clip id -> its record, of the bytes of a file of feature records.

    Raises:
        UserError: damaged.
    """
    records = framing.read_records(data)
    return {features.clip_from_sequence_example(record).clip.clip_id: record for record in records}


def of_part(name: str, data: bytes, info: PartInfo) -> Dict[str, Any]:
    """Clip id -> rows, by the format that the name of the part says."""
    return of_parquet(data, info) if name.endswith(".parquet") else of_features(data)
