"""The store of embeddings: what is written is read, and a killed writer neither loses nor doubles a clip."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audioset_triplet
from audioset_triplet.errors import UserError
from audioset_triplet.store import embedding_parts, embeddings, part_writers, window_parts
from audioset_triplet.store.embeddings import ClipInfo, EmbeddingWriter
from audioset_triplet.store.stored_clips import clip_vectors

SIZE = 4


def windows_of(number, count, size=SIZE):
    """Window starts [count] and unit vectors [count, size] that depend on the clip alone."""
    vectors = np.random.default_rng(number).normal(size=(count, size))
    return 0.96 * np.arange(count), vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def clip_info(number):
    classes = tuple(sorted({number % 3, number % 5}))
    names = tuple(f"class {index}" for index in classes)
    return ClipInfo(f"clip{number}", f"recording{number // 2}", classes, names, number % 4)


def write(folder, numbers, count=3, **options):
    with EmbeddingWriter(str(folder), "model", "front-end", SIZE, **options) as writer:
        for number in numbers:
            writer.write(clip_info(number), *windows_of(number, count))


def read(folder, folds=()):
    """clip id -> list of (start, vector) in the order on disk."""
    rows = {}
    for batch in embeddings.read_batches(str(folder), folds):
        for clip_id, start, vector in zip(batch.clip_ids, batch.window_start_seconds, batch.embeddings):
            rows.setdefault(clip_id, []).append((start, vector))
    return rows


def test_rows_come_back_as_they_were_written(tmp_path):
    write(tmp_path, range(10), rows_per_part=7)
    assert sorted(os.listdir(tmp_path)) == [f"embeddings-{part:05d}.parquet" for part in range(4)]  # 9 + 9 + 9 + 3 rows
    rows = read(tmp_path)
    assert list(rows) == [f"clip{number}" for number in range(10)]
    for number in range(10):
        starts, vectors = windows_of(number, 3)
        np.testing.assert_allclose([start for start, _ in rows[f"clip{number}"]], starts, rtol=1e-6)
        np.testing.assert_allclose([vector for _, vector in rows[f"clip{number}"]], vectors, rtol=1e-6)
    batch = next(embeddings.read_batches(str(tmp_path)))
    assert batch.labels[0] == (0,) and batch.label_names[3] == ("class 1",) and batch.labels[6] == (2,)
    assert batch.recording_ids[3] == "recording0" and batch.folds.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert batch.embeddings.dtype == np.float32 and batch.embeddings.shape == (9, SIZE)


def test_schema_and_metadata_are_the_documented_ones(tmp_path):
    write(tmp_path, [0])
    schema = pq.read_schema(tmp_path / "embeddings-00000.parquet")
    assert {field.name: str(field.type) for field in schema} == {
        "clip_id": "string",
        "recording_id": "string",
        "window_start_seconds": "float",
        "embedding": f"fixed_size_list<element: float>[{SIZE}]",
        "weight": "float",
        "labels": "list<element: int64>",
        "label_names": "list<element: string>",
        "fold": "int64",
    }
    info = embeddings.read_info(str(tmp_path))
    assert info == embedding_parts.StoreInfo("model", "front-end", SIZE, audioset_triplet.__version__)


def test_clip_vectors_are_renormalised_means_also_across_parts_calls_and_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(window_parts, "_BATCH_BYTES", 5 * 4 * SIZE)  # batches of 5 rows cut clips of 3 and 8 in two
    with EmbeddingWriter(str(tmp_path), "model", "front-end", SIZE, rows_per_part=10) as writer:
        for number in range(9):
            starts, vectors = windows_of(number, 3 if number % 2 else 8)
            writer.write(clip_info(number), starts[:2], vectors[:2])
            writer.write(clip_info(number), starts[2:], vectors[2:], continues=True)
    clips = clip_vectors(str(tmp_path))
    for number in range(9):
        mean = windows_of(number, 3 if number % 2 else 8)[1].mean(axis=0)
        np.testing.assert_allclose(clips.vectors[number], mean / np.linalg.norm(mean), atol=1e-6)
    assert clips.clip_ids == [f"clip{number}" for number in range(9)]
    assert clips.recording_ids[5] == "recording2" and clips.folds.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0]
    assert clips.labels[7] == (1, 2) and clips.class_names == {index: f"class {index}" for index in range(5)}
    assert clips.model_id == "model"


def test_folds_select_clips(tmp_path):
    write(tmp_path, range(8))
    assert list(read(tmp_path, [1, 3])) == ["clip1", "clip3", "clip5", "clip7"]
    assert clip_vectors(str(tmp_path), [2]).clip_ids == ["clip2", "clip6"]
    with pytest.raises(UserError, match="no clip of fold 7, 9"):
        clip_vectors(str(tmp_path), [7, 9])


def test_windows_that_cancel_out_give_a_zero_vector_not_nan(tmp_path):
    with EmbeddingWriter(str(tmp_path), "model", "front-end", 2) as writer:
        writer.write(ClipInfo("clip", "recording"), [0, 0.96], np.array([[1, 0], [-1, 0]]))
    assert clip_vectors(str(tmp_path)).vectors.tolist() == [[0, 0]]


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    rows_per_part=st.integers(1, 12),
    kills=st.lists(st.integers(0, 20), max_size=4),
    chunk=st.integers(1, 4),
    buffered=st.booleans(),
)
def test_no_clip_is_lost_or_doubled_wherever_the_writer_dies(counts, rows_per_part, kills, chunk, buffered):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(part_writers, "_BUFFER_BYTES", 1 << 20 if buffered else 1)
        for calls_until_death in [*kills, 10**6]:
            writer = EmbeddingWriter(folder, "model", "front-end", SIZE, rows_per_part).__enter__()
            calls = 0
            for number, count in enumerate(counts):
                if f"clip{number}" in writer.clip_ids_done:
                    continue
                starts, vectors = windows_of(number, count)
                for first in range(0, count, chunk):
                    if calls < calls_until_death:
                        last = first + chunk
                        writer.write(clip_info(number), starts[first:last], vectors[first:last], continues=first > 0)
                    calls += 1
            if calls <= calls_until_death:
                writer.__exit__(None)  # else the writer is left as it is, its unfinished part on disk
                break
        rows = read(folder)
        assert {clip_id: len(one) for clip_id, one in rows.items()} == {
            f"clip{number}": count for number, count in enumerate(counts)
        }
        for number, count in enumerate(counts):
            np.testing.assert_allclose(
                [one for _, one in rows[f"clip{number}"]], windows_of(number, count)[1], rtol=1e-6
            )
        assert not [name for name in os.listdir(folder) if "tmp" in name]


def test_a_writer_killed_by_sigkill_is_continued_by_the_same_command(tmp_path):
    program = textwrap.dedent("""
        import sys
        from audioset_triplet.store import embeddings, part_writers
        from tests.store.test_embeddings import SIZE, clip_info, windows_of

        part_writers._BUFFER_BYTES = 1  # so that the unfinished part is on disk
        with embeddings.EmbeddingWriter(sys.argv[1], "model", "front-end", SIZE, rows_per_part=20) as writer:
            for number in range(40):
                if clip_info(number).clip_id in writer.clip_ids_done:
                    continue
                starts, vectors = windows_of(number, 3)
                writer.write(clip_info(number), starts[:1], vectors[:1])
                print(number, flush=True)
                if number == 30 and len(sys.argv) > 2:
                    sys.stdin.read()  # waits to be killed, in the middle of clip 30
                writer.write(clip_info(number), starts[1:], vectors[1:], continues=True)
    """)
    command = [sys.executable, "-c", program, str(tmp_path)]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    with subprocess.Popen(
        [*command, "wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        for line in process.stdout:
            if line.strip() == "30":
                process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    leftovers = [name for name in os.listdir(tmp_path) if "tmp" in name]
    assert len(leftovers) == 1
    assert sorted(read(tmp_path)) == sorted(f"clip{number}" for number in range(28))  # 4 parts of 7 whole clips
    again = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert again.stdout.split() == [str(number) for number in range(28, 40)]
    rows = read(tmp_path)
    assert {clip_id: len(one) for clip_id, one in rows.items()} == {f"clip{number}": 3 for number in range(40)}
    assert not [name for name in os.listdir(tmp_path) if "tmp" in name]


def test_an_exception_in_the_block_leaves_no_part_of_a_clip(tmp_path, monkeypatch):
    monkeypatch.setattr(part_writers, "_BUFFER_BYTES", 1)
    with pytest.raises(RuntimeError), EmbeddingWriter(str(tmp_path), "model", "front-end", SIZE) as writer:
        writer.write(clip_info(0), *windows_of(0, 3))
        assert len(os.listdir(tmp_path)) == 1
        raise RuntimeError("out of disk")
    assert os.listdir(tmp_path) == []


def test_another_model_or_front_end_is_refused_and_both_are_named(tmp_path):
    write(tmp_path, [0])
    with pytest.raises(UserError, match="model_id model, but this run has other"):
        EmbeddingWriter(str(tmp_path), "other", "front-end", SIZE)
    with pytest.raises(UserError, match="embedding_size 4, but this run has 5"):
        EmbeddingWriter(str(tmp_path), "model", "front-end", 5)
    with pytest.raises(UserError, match="front_end_id front-end, but this run has another front end"):
        EmbeddingWriter(str(tmp_path), "model", "another front end", SIZE)


def test_weights_come_back_and_are_alike_where_none_are_given(tmp_path):
    starts, vectors = windows_of(0, 3)
    with EmbeddingWriter(str(tmp_path), "model", "front-end", SIZE) as writer:
        writer.write(clip_info(0), starts, vectors, [0.5, 0.25, 1e-3])
        writer.write(clip_info(1), starts, vectors)
        for wrong in ([1, 2], [1, 0, 1], [1, np.nan, 1]):
            with pytest.raises(ValueError, match="weights"):
                writer.write(clip_info(2), starts, vectors, wrong)
    (batch,) = embeddings.read_batches(str(tmp_path))
    np.testing.assert_allclose(batch.weights, [0.5, 0.25, 1e-3, 1, 1, 1])
    sums = np.array([0.5, 0.25, 1e-3]) @ vectors
    np.testing.assert_allclose(clip_vectors(str(tmp_path)).vectors[0], sums / np.linalg.norm(sums), atol=1e-6)


def test_a_part_of_before_windows_had_weights_is_refused(tmp_path):
    write(tmp_path, [0])
    path = tmp_path / "embeddings-00000.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["weight"]), path)
    for use in (embeddings.read_info, clip_vectors, lambda folder: EmbeddingWriter(folder, "model", "front-end", SIZE)):
        with pytest.raises(UserError, match="has no weights of windows; .* embed again, into another folder"):
            use(str(tmp_path))


def test_a_folder_of_two_models_is_refused(tmp_path):
    write(tmp_path / "a", [0])
    with EmbeddingWriter(str(tmp_path / "b"), "other", "front-end", SIZE) as writer:
        writer.write(clip_info(1), *windows_of(1, 3))
    os.rename(tmp_path / "b" / "embeddings-00000.parquet", tmp_path / "a" / "embeddings-00001.parquet")
    for reader in (embeddings.read_info, clip_vectors, lambda folder: list(embeddings.read_batches(folder))):
        with pytest.raises(UserError, match="00000.parquet has model_id model, but .*00001.parquet has other"):
            reader(str(tmp_path / "a"))


def test_a_clip_in_two_parts_is_refused(tmp_path):
    write(tmp_path / "a", [0, 1])
    write(tmp_path / "b", [1])
    os.rename(tmp_path / "b" / "embeddings-00000.parquet", tmp_path / "a" / "embeddings-00002.parquet")
    write(tmp_path / "c", [2])
    os.rename(tmp_path / "c" / "embeddings-00000.parquet", tmp_path / "a" / "embeddings-00001.parquet")
    with pytest.raises(UserError, match="clip clip1 is stored twice"):
        clip_vectors(str(tmp_path / "a"))


def test_two_names_of_one_class_are_refused(tmp_path):
    with EmbeddingWriter(str(tmp_path), "model", "front-end", SIZE) as writer:
        writer.write(ClipInfo("a", "a", (3,), ("dog",)), *windows_of(0, 1))
        writer.write(ClipInfo("b", "b", (3,), ("cat",)), *windows_of(1, 1))
    with pytest.raises(UserError, match="class 3 is called both 'dog' and 'cat'"):
        clip_vectors(str(tmp_path))


def test_what_a_writer_is_given_is_checked(tmp_path):
    starts, vectors = windows_of(0, 3)
    with EmbeddingWriter(str(tmp_path), "model", "front-end", SIZE) as writer:
        with pytest.raises(UserError, match="clip clip0 has an embedding of the norm 2"):
            writer.write(clip_info(0), starts, 2 * vectors)
        with pytest.raises(UserError, match="clip clip0 has an embedding of the norm nan"):
            writer.write(clip_info(0), starts, np.where(vectors == vectors[1], np.nan, vectors))
        for wrong_starts, wrong_vectors in ((starts[:2], vectors), (starts, vectors[:, :2]), (starts[:0], vectors[:0])):
            with pytest.raises(ValueError, match="of shape"):
                writer.write(clip_info(0), wrong_starts, wrong_vectors)
        writer.write(clip_info(0), starts, vectors)
        writer.write(clip_info(1), starts, vectors)
        for number in (0, 1):  # not the last, and the last
            with pytest.raises(UserError, match=f"clip{number} is given twice"):
                writer.write(clip_info(number), starts, vectors)
    with (
        EmbeddingWriter(str(tmp_path), "model", "front-end", SIZE) as writer,
        pytest.raises(UserError, match="clip1 is given twice"),
    ):
        writer.write(clip_info(1), starts, vectors)
    assert {clip_id: len(rows) for clip_id, rows in read(tmp_path).items()} == {"clip0": 3, "clip1": 3}


def test_vectors_that_are_not_of_unit_norm_are_refused_when_read(tmp_path):
    write(tmp_path, [0])
    path = tmp_path / "embeddings-00000.parquet"
    table = pq.read_table(path)
    doubled = pa.FixedSizeListArray.from_arrays(pa.array(np.full(3 * SIZE, 1.0, np.float32)), SIZE)
    pq.write_table(table.set_column(3, table.schema.field(3), doubled), path)
    with pytest.raises(UserError, match=r"00000.parquet: clip clip0 has an embedding of the norm 2, not 1"):
        clip_vectors(str(tmp_path))


def test_missing_empty_damaged_and_foreign_folders_are_one_clear_line(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        embeddings.read_info(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="holds no embeddings"):
        embeddings.read_info(str(tmp_path))
    write(tmp_path, range(20), rows_per_part=30)
    path = tmp_path / "embeddings-00001.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    for reader in (clip_vectors, lambda folder: EmbeddingWriter(folder, "model", "front-end", SIZE)):
        with pytest.raises(UserError, match=r"00001.parquet: damaged") as raised:
            reader(str(tmp_path))
        assert "\n" not in str(raised.value)
    middle = len(whole) // 3
    path.write_bytes(whole[:middle] + bytes(200) + whole[middle + 200 :])  # the footer is whole, the pages are not
    with pytest.raises(UserError, match=r"00001.parquet"):
        clip_vectors(str(tmp_path))
    pq.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(UserError, match="no model_id in its metadata"):
        embeddings.read_info(str(tmp_path))
    os.rename(path, tmp_path / "embeddings-last.parquet")
    with pytest.raises(UserError, match="not a file name of experiments.embed"):
        embeddings.read_info(str(tmp_path))
