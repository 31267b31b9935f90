"""Feature records as AudioSet released them, made byte by byte."""

import pathlib
from typing import Dict, Iterable, List, Tuple

import numpy as np

from tests.reference import feature_records
from tests.reference.feature_records import Record, Value


def audioset_record(
    video: bytes = b"--aaaaaaaaa", windows: int = 10, size: int = 128, **changes: List[Value]
) -> Tuple[Record, np.ndarray]:
    """A record, with changes to its context, and its codes, uint8 [windows, size]; a video has the same ones always."""
    codes = np.random.default_rng(list(video)).integers(0, 256, [windows, size], np.uint8)
    context: Dict[str, List[Value]] = {"video_id": [video], "labels": [7, 0, 526]}
    context.update(start_time_seconds=[30.0], end_time_seconds=[40.0])
    return Record({**context, **changes}, {"audio_embedding": [[row.tobytes()] for row in codes]}), codes


def write(path: pathlib.Path, records: Iterable[Record]) -> str:
    """Writes a TFRecord file, whose folder is made if missing, and returns its path."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(feature_records.to_file(map(feature_records.to_bytes, records)))
    return str(path)
