import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.store import frame_labels
from audioset_triplet.store.frame_labels import FrameLabelBatch, FrameLabelInfo

INFO = FrameLabelInfo("model-1", "front-end", 0.66, 0.96, 0.48, "0.1")
NAMES = {2: "dog", 7: "bell", 9: "rain"}


def clip(clip_id, labels, num_windows, seed=0):
    """All windows of a clip with scores at random."""
    scores = np.random.default_rng(seed).random((num_windows, len(labels))).astype(np.float32)
    rows = num_windows * len(labels)
    return FrameLabelBatch(
        clip_ids=[clip_id],
        clip_rows=np.zeros(rows, np.int64),
        window_start_seconds=np.repeat(np.arange(num_windows, dtype=np.float32) * np.float32(0.48), len(labels)),
        labels=np.tile(labels, num_windows),
        scores=scores.ravel(),
        is_kept=scores.ravel() >= 0.66,
        class_names=NAMES,
    )


def write(path, *batches):
    with frame_labels.writing(str(path), INFO) as writer:
        for batch in batches:
            writer.write(batch)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "frame_labels.parquet"


CLIPS = [clip(f"clip{i}", labels, num_windows, i) for i, (labels, num_windows) in enumerate(
    [([2], 3), ([2, 7, 9], 5), ([9], 1), ([7, 9], 4), ([2], 40)]
)]  # fmt: skip


@pytest.mark.parametrize("rows_per_group", [1, 7, 1000])
def test_what_is_written_is_read_in_whole_clips(path, monkeypatch, rows_per_group):
    monkeypatch.setattr(frame_labels, "_ROWS_PER_GROUP", rows_per_group)
    write(path, CLIPS[0], frame_labels.concatenate(CLIPS[1:3]), *CLIPS[3:])
    assert frame_labels.read_info(str(path)) == INFO
    batches = list(frame_labels.read_batches(str(path)))
    assert sum(len(batch.clip_ids) for batch in batches) == len(CLIPS)  # none is in two batches
    found, expected = frame_labels.concatenate(batches), frame_labels.concatenate(CLIPS)
    assert found.clip_ids == expected.clip_ids and batches[-1].class_names == NAMES
    for name in ("clip_rows", "window_start_seconds", "labels", "scores", "is_kept"):
        assert getattr(found, name).dtype == getattr(expected, name).dtype
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert pq.read_table(path)["label_name"].to_pylist() == [NAMES[label] for label in expected.labels]


def test_a_file_is_there_when_it_is_whole(path):
    write(path, CLIPS[0])
    before, digest = path.read_bytes(), frame_labels.digest(str(path))
    with pytest.raises(RuntimeError), frame_labels.writing(str(path), INFO) as writer:
        writer.write(CLIPS[1])
        raise RuntimeError
    assert [one.name for one in path.parent.iterdir()] == [path.name] and path.read_bytes() == before
    write(path, CLIPS[1])
    assert frame_labels.digest(str(path)) != digest and len(digest) == 16


def test_a_file_without_rows_is_read(path):
    write(path)
    assert list(frame_labels.read_batches(str(path))) == []


def test_batches_are_joined_with_their_clips():
    joined = frame_labels.concatenate([frame_labels.concatenate(CLIPS[:2]), CLIPS[2]])
    assert joined.clip_ids == ["clip0", "clip1", "clip2"]
    assert joined.clip_rows.tolist() == [0] * 3 + [1] * 15 + [2]
    assert joined.scores.tolist() == [*CLIPS[0].scores, *CLIPS[1].scores, *CLIPS[2].scores]


def changed(batch, **changes):
    return dataclasses.replace(batch, **{name: np.asarray(value) for name, value in changes.items()})


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"scores": [0.5, 1.5, 0]}, "scores from 0.0 to 1.5"),
        ({"scores": [0.5, np.nan, 0]}, "scores from nan"),
        ({"window_start_seconds": [0, 2, 1]}, "order of windows and labels"),
        ({"window_start_seconds": [0, 1, 1]}, "order of windows and labels"),
        ({"window_start_seconds": [-1, 1, 2]}, "begins before its clip"),
        ({"clip_rows": [0, 1, 0]}, "not together"),
        ({"clip_rows": [0, 0]}, "several|arrays of"),
    ],
)
def test_rows_that_contradict_the_format_are_not_written(path, changes, message):
    with pytest.raises(ValueError, match=message):
        write(path, changed(CLIPS[0], **changes))
    assert not path.exists()


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda table: pa.concat_tables([table, table]), "a clip has rows in two places"),
        (lambda table: pa.concat_tables([table.slice(0, 5), table.slice(0, 5)]), "a clip has rows in two places"),
        (lambda table: table.slice(0, 3).take([2, 1, 0]), "not in the order of windows and labels"),
        (lambda table: table.set_column(4, "score", pa.array([2.0] * len(table), pa.float32())), "scores from 2.0"),
        (lambda table: table.set_column(3, "label_name", pa.array(map(str, range(len(table))))), "is called both"),
        (lambda table: table.replace_schema_metadata({}), "has no model_id in its metadata"),
        (
            lambda table: table.replace_schema_metadata({**table.schema.metadata, b"threshold": b"high"}),
            "damaged .could not convert",
        ),
        (lambda table: table.drop_columns(["is_kept"]), "has no column is_kept"),
    ],
)
def test_what_others_spoiled_is_one_clear_line(path, spoil, message):
    write(path, *CLIPS)
    pq.write_table(spoil(pq.read_table(path)), path)
    with pytest.raises(UserError, match=message) as caught:
        list(frame_labels.read_batches(str(path)))
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_a_file_that_is_missing_is_named(path):
    with pytest.raises(UserError, match="no such file of frame labels"):
        list(frame_labels.read_batches(str(path)))
