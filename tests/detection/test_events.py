"""Windows become events, by hand; and windows of pools, by sorting all of them."""

import numpy as np
import pytest

from audioset_triplet.config.detection import RatedHeadConfig
from audioset_triplet.detection import events, pools, rated_head
from audioset_triplet.detection.events import Hits
from audioset_triplet.store.questions import RANDOM, TOP, UNCERTAIN
from tests.detection import rated
from tests.search import stores


def hits(*windows):
    clip_ids, starts, scores = zip(*windows)
    return Hits(np.array(clip_ids, object), np.array(starts, np.float64), np.array(scores))


@pytest.mark.parametrize(
    "max_gap, expected",
    [
        (0.0, [("a", 0, 1.92, 0.9), ("a", 3.84, 4.8, 0.7), ("b", 4.8, 5.76, 0.8)]),
        (1.91, [("a", 0, 1.92, 0.9), ("a", 3.84, 4.8, 0.7), ("b", 4.8, 5.76, 0.8)]),
        (1.92, [("a", 0, 4.8, 0.9), ("b", 4.8, 5.76, 0.8)]),
    ],
)
def test_neighbours_join(max_gap, expected):
    starts = np.float32([0, 0.96, 3.84, 4.8])  # as a store has them
    of_class = hits(("a", starts[0], 0.6), ("a", starts[1], 0.9), ("a", starts[2], 0.7), ("b", starts[3], 0.8))
    firsts, lasts, scores = events.join(of_class, 0.96, max_gap)
    joined = [
        (of_class.clip_ids[first], of_class.start_seconds[first], of_class.start_seconds[last] + 0.96, score)
        for first, last, score in zip(firsts, lasts, scores)
    ]
    assert [one[0] for one in joined] == [one[0] for one in expected]
    np.testing.assert_allclose([one[1:] for one in joined], [one[1:] for one in expected], atol=1e-5)


def test_windows_that_overlap_join_and_none_gives_none():
    of_class = hits(("a", 0.0, 0.5), ("a", 0.48, 0.4), ("a", 1.92, 0.4))
    assert events.join(of_class, 0.96, 0)[0].tolist() == [0, 2]
    empty = Hits(np.empty(0, object), np.zeros(0), np.zeros(0))
    assert all(len(column) == 0 for column in events.join(empty, 0.96, 0))


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    root = tmp_path_factory.mktemp("pools")
    planted = rated.archive(root / "store", num_clips=30)
    log = rated.write_log(root / "labels", rated.ratings_of(planted, list(planted)[:10]))
    return str(root / "store"), rated_head.of_workdir(log, str(root / "store"), RatedHeadConfig()).head


def test_pools_are_the_best_of_all_windows(scored):
    folder, head = scored
    rows = stores.rows(folder)
    scores = head.scores(np.stack([row["vector"] for row in rows])).astype(np.float64)
    filled = pools.fill(folder, head, 7, 0, lambda share: 0 <= share < 1)
    for column, name in enumerate(head.info.classes):
        for source, keys in ((TOP, -scores[:, column]), (UNCERTAIN, np.abs(2 * scores[:, column] - 1))):
            best = np.argsort(keys, kind="stable")[:7]
            expected = [(rows[row]["clip_id"], pytest.approx(scores[row, column])) for row in best]
            assert [(one.clip_id, one.score) for one in pools.of_source(filled, name, source)] == expected
        of_class = head.ratings.of_class(column).scores
        assert filled.counts[column].windows.sum() == (scores[:, column] >= of_class.min()).sum()
    drawn = pools.of_source(filled, "a class without a head", RANDOM)
    assert len({(one.clip_id, one.start_seconds) for one in drawn}) == 7 and drawn[0].score is None
    assert pools.fill(folder, None, 7, 0, lambda _: True).random == drawn  # the head does not matter
    assert pools.fill(folder, None, 7, 1, lambda _: True).random != drawn
    assert pools.of_source(filled, "a class without a head", TOP) == []


def test_a_pass_is_stopped(scored):
    folder, head = scored
    shares = iter([True, False])
    with pytest.raises(pools.Stopped):
        pools.fill(folder, head, 7, 0, lambda _: next(shares))
