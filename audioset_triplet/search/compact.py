"""A compact copy of a store: a byte for each number of its embeddings, to be mapped into memory and searched at once.

    codes.int8       [R, D] int8, from -127 to 127, in the order of the store
    windows.parquet  window_start_seconds, scale (float32), a row for each window
    clips.parquet    clip_id, recording_id, fold, labels, label_names, num_windows, a row for each clip
    compact.json     what it is a copy of: the digest of the store, its model and front end, R and D; written last

The code is symmetric: a vector is scaled so that its largest number is 127, and rounded. A code times its scale, one
over the norm of the code, is a unit vector: the decoded one. One scale for all vectors would need a look at all of them
first, and its steps would be as wide as the largest number of any vector asks for.

What it costs: rounding moves a vector whose largest number is m by an angle of at most arcsin(sqrt(D) m / 254), and so
each of its cosines by no more than the length of that chord (`error_bound`). With D = 128 and m = 0.3 that is 0.013;
rounding errors have no common direction, and a typical cosine is off by 0.0007.

Shapes: R windows, n clips, D embedding size.
"""

import contextlib
import dataclasses
import glob
import hashlib
import os
from typing import Any, BinaryIO, Dict, Iterator, List, Sequence, Tuple

import numpy as np
import pyarrow as pa

from audioset_triplet import files
from audioset_triplet.errors import UserError
from audioset_triplet.jobs import passes
from audioset_triplet.jobs.passes import Where
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.search import windows as window_tables
from audioset_triplet.search.windows import CLIP_COLUMNS, START
from audioset_triplet.store import embedding_parts, embeddings, parquet
from audioset_triplet.store.embedding_parts import StoreInfo

CODES, WINDOWS, CLIPS, ABOUT = "codes.int8", "windows.parquet", "clips.parquet", "compact.json"
SCALE, NUM_WINDOWS = "scale", "num_windows"
RESULTS = "_making"  # folder in the copy, while the work goes on
_LARGEST = 127
_VERSION = 1
_MAGIC = b"PAR1"


@dataclasses.dataclass(frozen=True)
class About:
    """What compact.json says."""

    version: int
    store_digest: str
    model_id: str
    front_end_id: str
    num_windows: int
    embedding_size: int


def encode(vectors: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Unit vectors [R, D] -> codes int8 [R, D] and scales float32 [R]."""
    codes = np.rint(vectors * (_LARGEST / np.abs(vectors).max(axis=1, keepdims=True))).astype(np.int8)
    return codes, (1 / np.linalg.norm(codes.astype(np.float64), axis=1)).astype(np.float32)


def decode(codes: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Codes [R, D] and scales [R] -> float32 [R, D], of unit length."""
    return codes.astype(np.float32) * scales[:, None]


def error_bound(vectors: np.ndarray) -> np.ndarray:
    """[R]: how far the decoded ones of unit vectors [R, D] are from them at most, and so any cosine with them."""
    sines = np.sqrt(vectors.shape[1]) * np.abs(vectors).max(axis=1) / (2 * _LARGEST)
    return 2 * np.sin(np.arcsin(np.minimum(1.0, sines)) / 2)


def store_digest(folder: str) -> str:
    """Of the parts of a store: their names, sizes and footers, which have the bounds of every column; no time, no path.

    Raises:
        UserError: a part that is no Parquet file.
    """
    digest = hashlib.sha256()
    for path in embedding_parts.part_paths(folder):
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 8))
            length, magic = int.from_bytes(file.read(4), "little"), file.read(4)
            if magic != _MAGIC or length > size - 8:
                raise UserError(
                    f"{path}: damaged: it does not end as Parquet; remove it and run experiments.embed again."
                )
            file.seek(size - 8 - length)
            digest.update(f"{os.path.basename(path)} {size} ".encode() + file.read(length))
    return digest.hexdigest()[:16]


def make(folder: str, store: str, where: Where) -> None:
    """Makes a copy of a store, unless it is there. One that was stopped goes on.

    Args:
        folder: of the copy.
        store: the folder of embeddings.
        where: it runs; its results lie in `where.folder` meanwhile.

    Raises:
        UserError: the folder holds a copy of another store, or of this one before it changed, or other files; damage.
    """
    info, digest = embeddings.read_info(store), store_digest(store)
    if os.path.exists(os.path.join(folder, ABOUT)):
        read_about(folder, store)
        return
    strange = sorted(set(os.listdir(folder)) - {RESULTS, CODES, WINDOWS, CLIPS}) if os.path.isdir(folder) else []
    strange = [name for name in strange if ".tmp-" not in name]
    if strange:
        raise UserError(f"{folder}: holds {strange[0]}, which is no part of a compact copy: name another folder.")
    with files.one_writer(folder):
        for leftover in glob.glob(os.path.join(glob.escape(folder), "*.tmp-*")):
            os.remove(leftover)  # of a process that was killed
        paths = embedding_parts.part_paths(store)
        with passes.results(paths, {"compact": _VERSION}, _write_part, where) as results:
            num_windows = _put_together(folder, results, info.embedding_size)
            about = About(_VERSION, digest, info.model_id, info.front_end_id, num_windows, info.embedding_size)
            files.write_json(os.path.join(folder, ABOUT), dataclasses.asdict(about))


def read_about(folder: str, store: str) -> About:
    """What a copy says of itself.

    Raises:
        UserError: there is no copy, or it is not of this store as it is now.
    """
    path = os.path.join(folder, ABOUT)
    try:
        about = About(**files.read_json_object(path))
    except (FileNotFoundError, TypeError) as error:
        raise UserError(f"{folder}: holds no compact copy of embeddings: remove it, and it is made anew.") from error
    if about.version != _VERSION:
        raise UserError(f"{folder}: a compact copy of another version ({about.version}): remove it to make it anew.")
    if about.store_digest != store_digest(store):
        raise UserError(
            f"{folder}: is a copy of other embeddings, or {store} has changed since: remove it to make it anew, or "
            "name another folder."
        )
    return about


def _write_part(path: str, file: BinaryIO) -> None:
    """The code of a part, with its clips: a row for each window."""
    with contextlib.ExitStack() as stack:
        writer = None
        for batch in embeddings.part_batches(path, (), [*window_tables.COLUMNS, StoreInfo.COLUMN]):
            codes, scales = encode(embedding_parts.matrix(batch))
            arrays: Dict[str, Any] = {name: batch[name] for name in window_tables.COLUMNS}
            arrays["codes"] = _fixed_size(codes)
            arrays[SCALE] = pa.array(scales)
            table = pa.table(arrays)
            if writer is None:
                writer = stack.enter_context(parquet.writer(file, table.schema, ["clip_id", "recording_id"]))
            writer.write_table(table)
        if writer is None:
            parquet.write(pa.table({"codes": pa.array([], pa.binary())}), file)


def _fixed_size(codes: np.ndarray) -> pa.Array:
    """Rows of bytes as a column."""
    data = pa.py_buffer(np.ascontiguousarray(codes))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(codes.shape[1]), len(codes), [None, data])


def _put_together(folder: str, results: Sequence[str], size: int) -> int:
    """Writes the three files of a copy from the codes of all parts; returns R."""
    clips: List[pa.Table] = []
    num_windows = 0
    paths = [os.path.join(folder, name) for name in (CODES, WINDOWS, CLIPS)]
    with files.atomic_path(paths[0]) as codes_path, files.atomic_path(paths[1]) as windows_path:
        schema = pa.schema([(START, pa.float32()), (SCALE, pa.float32())])
        with open(codes_path, "wb") as codes, parquet.writer(windows_path, schema, []) as windows:
            for result in progress_bar(results, "compact copy", "parts"):
                table = parquet.read(result)
                if not table.num_rows:
                    continue
                for chunk in table["codes"].chunks:
                    codes.write(chunk.buffers()[1].slice(chunk.offset * size, len(chunk) * size))
                windows.write_table(table.select([START, SCALE]))
                clips.append(_clips_of(table))
                num_windows += table.num_rows
    with files.atomic_path(paths[2]) as temporary:
        parquet.write(pa.concat_tables(clips), temporary)
    return num_windows


def _clips_of(table: pa.Table) -> pa.Table:
    windows = window_tables.of_table(table)
    return windows.clips.append_column(NUM_WINDOWS, pa.array(np.diff(windows.first_rows), pa.int64()))


def read_windows(folder: str) -> Tuple[window_tables.Windows, np.ndarray]:
    """The windows of a copy, and their scales [R].

    Raises:
        UserError: a damaged file.
    """
    with _damage_named(folder):
        clips = parquet.read(os.path.join(folder, CLIPS))
        windows = parquet.read(os.path.join(folder, WINDOWS))
    firsts = np.concatenate([[0], np.cumsum(clips[NUM_WINDOWS].to_numpy())])
    starts, scales = (windows[name].to_numpy() for name in (START, SCALE))
    return window_tables.Windows(clips.select(list(CLIP_COLUMNS)), firsts, starts), scales


@contextlib.contextmanager
def _damage_named(folder: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{folder}: damaged ({str(error).splitlines()[0]}): remove it to make it anew.") from error
