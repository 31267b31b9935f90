"""Random windows are windows of the store, each at most once, and all parts have their share."""

import numpy as np
import pytest

from audioset_triplet.search import random_windows
from tests.search import stores


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Nine parts of 20 windows; the first number of each tells it from all others."""
    numbers = np.linspace(0.1, 3, 180)
    vectors = np.stack([np.cos(numbers), np.sin(numbers)], axis=1).reshape(18, 10, 2)
    clips = {f"talks/{n}/a": one for n, one in enumerate(vectors)}
    return stores.write(tmp_path_factory.mktemp("store"), clips, 2)


@pytest.mark.parametrize("count, expected", [(50, 50), (1000, 180)])
def test_windows_are_drawn_once(store, count, expected):
    everything = {float(row["vector"][0]) for row in stores.rows(store)}
    drawn = random_windows.draw(str(store), count)
    assert len(drawn) == len(set(drawn[:, 0].tolist())) == expected and set(drawn[:, 0].tolist()) <= everything
    assert (random_windows.draw(str(store), count, seed=1) == drawn).all() == (count == 1000)


def test_of_a_store_of_many_parts_some_are_read(store, monkeypatch):
    monkeypatch.setattr(random_windows, "_MOST_PARTS", 3)
    part_of = {float(row["vector"][0]): row["recording_id"] for row in stores.rows(store)}
    recordings = [{part_of[x] for x in random_windows.draw(str(store), 60, seed)[:, 0].tolist()} for seed in range(40)]
    assert all(len(one) == 6 for one in recordings)  # of three parts, two recordings each
    assert set.union(*recordings) == set(part_of.values())
