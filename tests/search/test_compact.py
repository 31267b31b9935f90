"""The compact copy: what its code costs, that it is made whole or not at all, and of which store it is."""

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.errors import UserError
from audioset_triplet.jobs.passes import Where
from audioset_triplet.search import compact
from audioset_triplet.search.compact_index import CompactIndex
from tests.search import stores


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 2, 3, 16, 128]),
    st.sampled_from([0.0, 0.5, 3.0]),
)
def test_no_cosine_moves_further_than_the_bound(seed, size, spike):
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(5, size)) + spike * np.sqrt(size) * np.eye(5, size)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    codes, scales = compact.encode(vectors)
    decoded = compact.decode(codes, scales)
    np.testing.assert_allclose(np.linalg.norm(decoded, axis=1), 1, atol=1e-6)
    errors, bound = np.linalg.norm(decoded - vectors, axis=1), compact.error_bound(vectors)
    assert (errors <= bound + 1e-6).all()
    others = random.normal(size=(20, size))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    assert (np.abs(decoded @ others.T - vectors @ others.T) <= bound[:, None] + 1e-6).all()


def test_the_bound_is_as_the_module_says():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(2000, 128))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    queries = random.normal(size=(50, 128))
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    errors = (compact.decode(*compact.encode(vectors)) - vectors) @ queries.T
    at_largest = np.full((1, 128), np.sqrt((1 - 0.09) / 127))
    at_largest[0, 0] = 0.3
    assert compact.error_bound(at_largest)[0] == pytest.approx(0.0134, abs=1e-4)
    assert errors.std() < 0.0007 and np.abs(errors).max() < 0.0134 / 2


@pytest.fixture
def store(tmp_path):
    return stores.write(tmp_path / "store", stores.coarse(6), 4)


def where(folder):
    return Where(str(folder / compact.RESULTS), RunnerConfig(num_workers=1))


def test_a_copy_that_was_stopped_goes_on(store, tmp_path, monkeypatch):
    copy = tmp_path / "copy"
    whole, encoded = compact.encode, []

    def stopping(vectors):
        encoded.append(len(vectors))
        if len(encoded) == 3:
            raise OSError("full")
        return whole(vectors)

    monkeypatch.setattr(compact, "encode", stopping)
    with pytest.raises(UserError, match="full"):
        compact.make(str(copy), str(store), where(copy))
    with pytest.raises(UserError, match="holds no compact copy"):
        compact.read_about(str(copy), str(store))
    (copy / f"{compact.CODES}.tmp-1").write_text("of a process that was killed")
    compact.make(str(copy), str(store), where(copy))
    rows = stores.rows(store)
    num_parts = len(list(store.glob("*.parquet")))
    assert len(encoded) == num_parts + 1 and sum(encoded) == len(rows) + encoded[2]  # two parts were there
    assert sorted(path.name for path in copy.iterdir()) == sorted(
        [compact.CODES, compact.WINDOWS, compact.CLIPS, compact.ABOUT]
    )
    windows, scales = compact.read_windows(str(copy))
    codes = np.fromfile(copy / compact.CODES, np.int8).reshape(-1, 6)
    expected = compact.encode(np.stack([row["vector"] for row in rows]))
    np.testing.assert_array_equal(codes, expected[0])
    np.testing.assert_array_equal(scales, expected[1])
    table = windows.take(np.arange(len(rows))).to_pylist()
    for name, ours in [("clip_id",) * 2, ("recording_id",) * 2, ("fold",) * 2, ("start", "window_start_seconds")]:
        assert [row[name] for row in rows] == [row[ours] for row in table]


def test_a_copy_is_of_one_store_as_it_is(store, tmp_path):
    copy = tmp_path / "copy"
    compact.make(str(copy), str(store), where(copy))
    moved = tmp_path / "moved"
    shutil.copytree(store, moved)  # other paths and times
    compact.make(str(copy), str(moved), where(copy))
    other = stores.write(tmp_path / "other", stores.coarse(6, seed=1), 9)
    last = max(store.glob("*.parquet"))
    last.rename(last.with_name("embeddings-00007.parquet"))
    for changed in (other, store):
        with pytest.raises(UserError, match="is a copy of other embeddings, or .* has changed since: remove it"):
            compact.make(str(copy), str(changed), where(copy))


def test_damage_is_one_clear_line(store, tmp_path):
    copy = tmp_path / "copy"
    compact.make(str(copy), str(store), where(copy))
    codes = copy / compact.CODES
    codes.write_bytes(codes.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"codes.int8: damaged: it has [\d,]+ bytes, not \d+ x 6"):
        CompactIndex(str(copy), str(store))
    (copy / compact.CLIPS).write_bytes(b"no Parquet")
    with pytest.raises(UserError, match="copy: damaged"):
        CompactIndex(str(copy), str(store))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="holds notes.txt, which is no part of a compact copy"):
        compact.make(str(tmp_path / "full"), str(store), where(tmp_path / "full"))
    part = min(store.glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-3])
    with pytest.raises(UserError, match="embeddings-00000.parquet: damaged"):
        compact.store_digest(str(store))
