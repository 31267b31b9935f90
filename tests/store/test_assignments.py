import dataclasses

import numpy as np
import pyarrow.parquet as pq
import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.store import assignments

INFO = assignments.AssignmentsInfo("model-1", "front-end", 5, "windows", "entropy", "0.1")
IDS = np.array(["a", "a", "b", "c"], object)
STARTS, CLUSTERS = np.array([0, 0.96, 0, 0], np.float32), np.array([4, 1, 1, 1], np.int32)
PROBABILITIES = np.array([0.5, 0.25, 1, 0.75], np.float32)


def write(folder, info=INFO, ids=IDS, starts=STARTS):
    with assignments.writing(str(folder), info) as writer:
        for rows in (slice(0, 1), slice(1, None)):
            writer.write(ids[rows], CLUSTERS[rows], PROBABILITIES[rows], None if starts is None else starts[rows])


def test_what_is_written_is_read(tmp_path):
    write(tmp_path / "new")
    read = assignments.read(str(tmp_path / "new"))
    assert read.info == INFO and read.clip_ids.tolist() == IDS.tolist()
    for name, expected in (("window_start_seconds", STARTS), ("clusters", CLUSTERS), ("probabilities", PROBABILITIES)):
        found = getattr(read, name)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_whole_clips_have_no_starts(tmp_path):
    info = dataclasses.replace(INFO, unit="clips")
    write(tmp_path, info, np.array(list("abcd"), object), None)
    assert pq.read_table(assignments.path_in(str(tmp_path)))["window_start_seconds"].null_count == 4
    assert np.isnan(assignments.read(str(tmp_path)).window_start_seconds).all()
    with pytest.raises(ValueError, match="windows have starts"):
        write(tmp_path, info)


def test_a_file_is_there_when_it_is_whole(tmp_path):
    write(tmp_path)
    before = (tmp_path / "assignments.parquet").read_bytes()
    with pytest.raises(RuntimeError), assignments.writing(str(tmp_path), INFO) as writer:
        writer.write(IDS[:1], CLUSTERS[:1], PROBABILITIES[:1], STARTS[:1])
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["assignments.parquet"]
    assert (tmp_path / "assignments.parquet").read_bytes() == before


@pytest.mark.parametrize(
    "clusters, probabilities, message",
    [([5], [0.5], "not within 0 to 4"), ([-1], [0.5], "not within"), ([0], [0.0], "probabilities"),
     ([0], [1.5], "probabilities"), ([0], [np.nan], "probabilities"), ([0, 1], [0.5], "2 clusters")],
)  # fmt: skip
def test_what_is_out_of_range_is_not_written(tmp_path, clusters, probabilities, message):
    with pytest.raises(ValueError, match=message), assignments.writing(str(tmp_path), INFO) as writer:
        writer.write(IDS[:1], clusters, probabilities, STARTS[:1])


def test_what_cannot_be_read_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match="holds no assignments.parquet"):
        assignments.read(str(tmp_path))
    write(tmp_path, starts=np.zeros(4))
    with pytest.raises(UserError, match="clip a stands in two rows"):
        assignments.read(str(tmp_path))
    write(tmp_path)
    path = tmp_path / "assignments.parquet"
    whole = pq.read_table(path)
    pq.write_table(whole.replace_schema_metadata({**whole.schema.metadata, b"num_clusters": b"4"}), path)
    with pytest.raises(UserError, match="clusters from 1 to 4, not within 0 to 3"):
        assignments.read(str(tmp_path))
    pq.write_table(whole.replace_schema_metadata({}), path)
    with pytest.raises(UserError, match="no model_id in its metadata"):
        assignments.read(str(tmp_path))
    pq.write_table(whole.drop_columns(["probability"]), path)
    with pytest.raises(UserError, match="has the columns clip_id, window_start_seconds, cluster;"):
        assignments.read(str(tmp_path))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match="assignments.parquet: damaged"):
        assignments.read(str(tmp_path))


def test_clusters_with_their_surest_members(tmp_path):
    write(tmp_path)
    assignments.write_clusters(str(tmp_path), assignments.read(str(tmp_path)), top=2)
    rows = pq.read_table(tmp_path / "clusters.parquet").to_pylist()
    assert [(row["cluster"], row["num_members"]) for row in rows] == [(1, 3), (4, 1)]
    assert rows[0]["mean_probability"] == pytest.approx(2 / 3)
    assert rows[0]["top_clip_ids"] == ["b", "c"] and rows[0]["top_window_starts"] == [0, 0]
    assert rows[1]["top_clip_ids"] == ["a"] and rows[1]["top_probabilities"] == [0.5]
