"""experiments.cluster as a person runs it."""

import json

import pytest

from tests import processes

MODULE = "experiments.cluster"


def run(*arguments, module=MODULE, **options):
    return processes.run(module, *arguments, *processes.flags(**options))


@pytest.mark.slow
def test_from_planted_embeddings_to_a_report(tmp_path):
    planted = dict(clips=1000, windows=5, modes=250, embedding_size=64)
    made = run(module="experiments.synthesize_embeddings", output=tmp_path / "planted", **planted)
    assert made.returncode == 0, made.stderr
    fewer = run(module="experiments.synthesize_embeddings", output=tmp_path / "planted", **{**planted, "clips": 500})
    assert "1000 clips already, more than --clips=500" in processes.error_of(fewer)
    embeddings = tmp_path / "planted"
    training = dict(num_clusters=250, batch_size=500, steps=150, learning_rate=0.2, schedule="cosine", gamma=1.5)
    for method in ("entropy", "kmeans"):
        places = dict(workdir=tmp_path / method, embeddings=embeddings)
        for task, options in (
            ("train", {**training, "method": method}),
            ("assign", {"output": tmp_path / f"a-{method}"}),
        ):
            done = run(task=task, **places, **options)
            assert done.returncode == 0, done.stderr
    done = run(
        f"--compare=k-means={tmp_path / 'a-kmeans'}",
        task="report", embeddings=embeddings, assignments=tmp_path / "a-entropy", output=tmp_path / "report", pages=2,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "report" / "results.json").read_text())
    assert results["cluster/num_units"] == 5000 and results["cluster/num_classes"] == 250
    assert results["cluster/nmi"] >= 0.95 and results["cluster/k-means/nmi"] >= 0.95
    assert len(list((tmp_path / "report" / "clusters").iterdir())) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "options, message",
    [
        (dict(task="train", workdir="x"), "--embeddings is required"),
        (dict(task="train", workdir="x", embeddings="none"), "none: no such folder of embeddings"),
        (dict(task="train", workdir="x", embeddings="none", num_clusters=1), "--num_clusters must be at least 2"),
        (dict(task="assign", workdir="x", embeddings="none", output="x"), "x is not a run directory"),
        (dict(task="report", assignments="x", embeddings="none", output="x"), "none: no such folder"),
    ],
)
def test_bad_input_is_one_line(options, message):
    done = run(**options)
    assert done.returncode == 1 and message in done.stderr.splitlines()[-1]
