"""The scores of a store: made once for each part, again where the part or the head has changed."""

import dataclasses

import numpy as np
import pytest

from audioset_triplet.config.detection import RatedHeadConfig
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.detection import archive_scores, events, rated_head
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import rated_quality
from audioset_triplet.store import window_scores
from tests.detection import rated
from tests.search import stores


def test_parts_are_scored_once_and_follow_their_store(tmp_path):
    planted = rated.archive(tmp_path / "store", num_clips=30)  # 3 parts
    log = rated.write_log(tmp_path / "labels", rated.ratings_of(planted, list(planted)[:10]))
    store, scores = str(tmp_path / "store"), tmp_path / "out" / "scores"
    head = rated_head.of_workdir(log, store, RatedHeadConfig()).head
    where = archive_scores.at(str(tmp_path / "out"), RunnerConfig(num_workers=1))
    archive_scores.write(head, "head.npz", store, where)
    assert window_scores.read_info(str(scores)) == archive_scores.info_of(head)
    batches = list(window_scores.read_batches(str(scores)))
    vectors = np.stack([row["vector"] for row in stores.rows(tmp_path / "store")])
    found = np.concatenate([batch.scores for batch in batches])
    np.testing.assert_allclose(found, head.scores(vectors), atol=1e-6)
    counts = archive_scores.count(head, str(scores))
    for column, (edges, of_class) in enumerate(zip(rated_quality.archive_edges(head), counts)):
        num_windows = [(found[:, column] >= edge).sum() for edge in edges.windows[::-1]]
        assert of_class.windows[::-1].cumsum().tolist() == num_windows
        for place, edge in enumerate(edges.events):
            detected = events.detect(str(scores), {head.info.classes[column]: edge}, 0)
            assert of_class.events[place:, : place + 1].sum() == len(detected)

    def times():
        return {path.name: path.stat().st_mtime_ns for path in sorted(scores.glob("scores-*.parquet"))}

    before = times()
    last = sorted((tmp_path / "store").glob("*.parquet"))[-1]
    content = last.read_bytes()
    last.unlink()
    archive_scores.write(head, "head.npz", store, where)
    assert len(before) == 3 and times() == dict(list(before.items())[:2])  # the part that is gone, and no other
    last.write_bytes(content)
    (kernel, bias), *_ = head.layers
    other = dataclasses.replace(head, layers=((kernel, bias + 1),))
    archive_scores.write(other, "head.npz", store, where)
    assert len(times()) == 3 and not set(times().values()) & set(before.values())  # of another head
    elsewhere = stores.write(tmp_path / "elsewhere", {"a/1/x": np.eye(rated.SIZE)}, model="other")
    with pytest.raises(UserError, match="has the embeddings of other"):
        archive_scores.write(head, "head.npz", str(elsewhere), where)
