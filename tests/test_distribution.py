import json

import pytest

from audioset_triplet import distribution
from audioset_triplet.errors import UserError

WITH_CHIEF = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
WORKERS = {"worker": ["a:1", "b:1"]}


@pytest.mark.parametrize(
    "cluster, task, expected",
    [
        (WITH_CHIEF, ("chief", 0), True),
        (WITH_CHIEF, ("worker", 0), False),
        (WITH_CHIEF, ("worker", 1), False),
        (WORKERS, ("worker", 0), True),
        (WORKERS, ("worker", 1), False),
    ],
)
def test_a_cluster_has_one_chief(cluster, task, expected):
    tf_config = json.dumps({"cluster": cluster, "task": {"type": task[0], "index": task[1]}})
    assert distribution.is_chief_task(tf_config) == expected


def test_one_process_is_its_own_chief_whatever_the_cluster(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": WORKERS, "task": {"type": "worker", "index": 1}}))
    assert distribution.is_chief(distribution.build_strategy("one"))


@pytest.mark.parametrize("cluster, expected", [(WITH_CHIEF, 3), (WORKERS, 2), (None, 0)])
def test_the_workers_of_a_cluster_are_counted(monkeypatch, cluster, expected):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if cluster:
        monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster}))
    assert distribution.num_workers() == expected


@pytest.mark.parametrize("tf_config, problem", [(None, "needs the environment variable"), ("{bad", "is not JSON")])
def test_a_cluster_that_is_not_described_is_one_clear_line(monkeypatch, tf_config, problem):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if tf_config:
        monkeypatch.setenv("TF_CONFIG", tf_config)
    with pytest.raises(UserError, match=problem):
        distribution.build_strategy("multi_worker")
