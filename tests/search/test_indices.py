"""All indices find what a loop over all windows finds, in the same order, and count by the same rules."""

import functools
import sys

import numpy as np
import pyarrow as pa
import pytest

from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.config.search import FAISS_8BIT, FAISS_FLAT, FilterConfig, IndexConfig
from audioset_triplet.errors import UserError
from audioset_triplet.search import compact, compact_index, faiss_index, opening, queries, store_index
from audioset_triplet.search.best import Best, Block, Limits, Wanted, offer_to_all
from audioset_triplet.search.memory_index import MemoryIndex
from audioset_triplet.search.scorings import MeanDistance, MeanSquaredDistance, NearestDistance
from audioset_triplet.search.windows import Filters, Span, Windows
from audioset_triplet.store import window_parts
from tests.reference import search as reference
from tests.search import stores

SIZE = 6
INDICES = ("store", "compact", "memory", FAISS_FLAT, FAISS_8BIT)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Several parts."""
    folder = stores.write(tmp_path_factory.mktemp("store"), stores.coarse(SIZE), 4)
    assert len(list(folder.glob("*.parquet"))) > 4
    return folder


def where(folder, num_workers=1):
    return store_index.at(str(folder), RunnerConfig(num_workers=num_workers))


def opened(name, store, folder):
    """An index, and the windows that it holds, with their vectors as it holds them."""
    rows = stores.rows(store)
    vectors = np.stack([row["vector"] for row in rows])
    if name == "memory":
        return MemoryIndex([str(store)]), rows
    if name == "compact":
        config = IndexConfig(compact=str(folder / "compact"))
        vectors = compact.decode(*compact.encode(vectors))
    else:
        config = IndexConfig(index=name)
        if name.startswith("faiss"):
            pytest.importorskip("faiss")
    index = opening.open_index(str(store), config, where(folder))
    if name == FAISS_8BIT:
        vectors = index._index.reconstruct_batch(np.arange(len(rows)))
    return index, [{**row, "vector": vector} for row, vector in zip(rows, vectors)]


def require_equal(table, query, expected):
    """The hits of a query are these, to the rounding of scores."""
    rows = [row for row in table.to_pylist() if row["query"] == query]
    assert [(row["clip_id"], row["window_start_seconds"]) for row in rows] == [
        (row["clip_id"], row["start"]) for row in expected
    ]
    np.testing.assert_allclose([row["score"] for row in rows], [row["score"] for row in expected], atol=2e-6)


def rounded(score):
    """A score of the reference such that equal ones are equal."""
    return lambda vector: float(np.float32(round(score(vector), 9)))


@pytest.mark.parametrize("name", INDICES)
@pytest.mark.parametrize("top, per_recording", [(1, 0), (30, 0), (1000, 0), (7, 1), (20, 2), (1000, 3)])
def test_hits_are_those_of_a_plain_search(store, tmp_path, name, top, per_recording, monkeypatch):
    monkeypatch.setattr(window_parts, "_BATCH_BYTES", 11 * 4 * SIZE)  # blocks of eleven rows
    for module in (compact_index, faiss_index):
        monkeypatch.setattr(module, "_BLOCK_NUMBERS", 11 * SIZE)
    monkeypatch.setattr(faiss_index, "_MOST_ASKED", 100)  # more are gone through
    index, rows = opened(name, store, tmp_path)
    wanted = queries.read(["music/8/30@10", "talks/0/11@10@1.5"], str(store))
    filters = Filters((0, 1, 2), ("talks", "music/8"), ("recording5", "talks/1/01@10"))
    for query, filtered in [(wanted[0], Filters()), (wanted[1], filters)]:
        table = index.search(queries.wanted([query]), Limits(top, per_recording), filtered)

        def is_searched(row, filtered=filtered, own=query.clip_id):
            in_folder = row["clip_id"].startswith(("talks/", "music/8/")) and row["fold"] < 3
            excluded = row["recording_id"] == "recording5" or row["clip_id"] == "talks/1/01@10"
            return row["clip_id"] != own and (not filtered or (in_folder and not excluded))

        score = rounded(functools.partial(reference.cosine, query.vector.astype(float)))
        expected = reference.best(rows, score, is_searched, top, per_recording)
        assert expected and (name == "compact" or top < 20 or len({row["score"] for row in expected}) < len(expected))
        require_equal(table, 0, expected)


SCORINGS = {
    MeanDistance: lambda distances: -np.mean(distances),
    MeanSquaredDistance: lambda distances: -np.mean(np.square(distances)),
    NearestDistance: lambda distances: -np.min(distances),
}


@pytest.mark.parametrize("name", INDICES)
@pytest.mark.parametrize("spread", [0.2, 3.0])
def test_exemplars_are_searched_exactly(tmp_path, name, spread, monkeypatch):
    """Near to each other, where the bound of the mean is tight, and far apart, where it says little."""
    monkeypatch.setattr(faiss_index, "_MOST_ASKED", 100)
    random = np.random.default_rng(7)
    clips = {f"talks/{n}/a": random.normal(size=(20, 16)) for n in range(30)}
    store = stores.write(tmp_path / "store", clips, 8)
    index, rows = opened(name, store, tmp_path)
    exemplars = random.normal(size=16) + spread * random.normal(size=(5, 16))
    exemplars /= np.linalg.norm(exemplars, axis=1, keepdims=True)
    spans = [Span("talks/3/a", 2.0, 6.0), Span("talks/4/a"), Span("not there")]
    wanted = [Wanted(scoring(exemplars.astype(np.float32)), spans) for scoring in SCORINGS]
    table = index.search(wanted, Limits(25), Filters())

    def is_searched(row):
        return row["clip_id"] != "talks/4/a" and not (row["clip_id"] == "talks/3/a" and 2 <= row["start"] < 6)

    for query, of_distances in enumerate(SCORINGS.values()):
        expected = reference.best(
            rows,
            lambda vector, of_distances=of_distances: of_distances(
                [reference.distance(vector / np.linalg.norm(vector), one) for one in exemplars]
            ),
            is_searched,
            25,
        )
        require_equal(table, query, expected)
        vectors = np.stack([row["vector"] for row in expected])
        nearest = MeanDistance(exemplars).distances(vectors).argmin(axis=1)
        assert [row["nearest"] for row in table.to_pylist() if row["query"] == query] == nearest.tolist()


def test_few_windows_are_compared_with_all_exemplars():
    """The two-stage bound: of 5,000 windows the products with 40 exemplars are computed for a small share."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(5000, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    exemplars = vectors[:1] + 0.05 * random.normal(size=(40, 32)).astype(np.float32)
    exemplars /= np.linalg.norm(exemplars, axis=1, keepdims=True)
    compared = []

    class Counted(MeanDistance):
        def scores(self, vectors):
            compared.append(len(vectors))
            return super().scores(vectors)

    clips = pa.table({"clip_id": ["a"], "recording_id": ["a"], "fold": [0], "labels": [[0]], "label_names": [["x"]]})
    windows = Windows(clips, np.array([0, 5000]), np.arange(5000, dtype=np.float32))
    best = Best(Wanted(Counted(exemplars)), windows, Limits(10))
    offer_to_all([best], Block(0, vectors), None)
    everything = MeanDistance(exemplars).scores(vectors)
    assert best.rows.tolist() == np.argsort(-everything, kind="stable")[:10].tolist()
    assert sum(compared) < 250


@pytest.mark.slow
def test_workers_and_threads_give_the_same_hits(store, tmp_path):
    wanted = queries.wanted(queries.read(["music/8/30@10", "talks/0/11@10@1.5"], str(store)))
    tables = []
    for number in (1, 2):
        tables.append(
            store_index.StoreIndex(str(store), where(tmp_path, number)).search(wanted, Limits(30, 2), Filters())
        )
    assert tables[0].equals(tables[1]) and not (tmp_path / "_searching").exists()
    compact.make(str(tmp_path / "compact"), str(store), where(tmp_path))
    tables = [
        compact_index.CompactIndex(str(tmp_path / "compact"), str(store), number).search(wanted, Limits(30), Filters())
        for number in (1, 3)
    ]
    assert tables[0].equals(tables[1])


def test_the_file_of_excluded_clips_is_read(tmp_path):
    listed, empty = tmp_path / "listed.txt", tmp_path / "empty.txt"
    listed.write_text("talks/a.wav\nmusic/b.wav\n")
    empty.write_text("\n")
    filters = opening.filters(FilterConfig(folds=(1,), exclude=str(listed)))
    assert filters == Filters((1,), (), ("music/b.wav", "talks/a.wav"))
    with pytest.raises(UserError, match="names no clip and no recording"):
        opening.filters(FilterConfig(exclude=str(empty)))


def test_faiss_that_is_not_there_is_one_clear_line(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(UserError, match="FAISS is not installed: pip install"):
        faiss_index.FaissIndex(str(store), FAISS_FLAT)
