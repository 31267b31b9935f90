"""experiments.label_clusters as a real process: killed in the middle of a query, then annotate, propagate, train."""

import json
import signal

import pytest

from audioset_triplet.labelling import cluster_log, log_folder
from audioset_triplet.store import weak_labels
from tests import clustered_clips, processes

HEAD = {"hidden_units": 16, "head_epochs": 1, "head_min_steps": 40}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return clustered_clips.write(tmp_path_factory.mktemp("labelling"))


def label_clusters(task, **options):
    return processes.run("experiments.label_clusters", *processes.flags(task=task, **options))


@pytest.mark.slow
def test_a_process_that_is_killed_in_the_middle_of_a_query_goes_on(folder):
    workdir = folder / "killed"
    flags = processes.flags(
        task="query",
        workdir=workdir,
        assignments=folder / "clusters",
        embeddings=folder / "all",
        train_folds=1,
        budget=5,
        data=folder / "*.tfrecord",
    )
    for path in (workdir / log_folder.NAME, workdir / "round-1" / "audio"):
        processes.stop_when_there("experiments.label_clusters", *flags, path=path, signal_number=signal.SIGKILL)
        if (workdir / log_folder.NAME).exists():
            cluster_log.read(str(workdir))  # whole, wherever it was
    result = processes.run("experiments.label_clusters", *flags)
    assert result.returncode == 0, result.stderr
    log = cluster_log.read(str(workdir))
    assert len({question.cluster for question in log.questions.values()}) == len(log.questions) == 5
    clip_ids = [
        entry["clip_id"]
        for number in {question.round for question in log.questions.values()}
        for entry in json.loads((workdir / f"round-{number}" / "questions.json").read_text())
    ]
    assert sorted(clip_ids) == sorted(log.questions)

    entries = json.loads((workdir / "round-1" / "questions.json").read_text())
    unknown = next(entry["cluster"] for entry in entries if entry["cluster"] < 4)
    for entry in entries:
        entry["answer"] = "?" if entry["cluster"] == unknown else f"class {entry['cluster'] % 10}"
    (workdir / "filled.json").write_text(json.dumps(entries))
    result = label_clusters(
        "annotate", workdir=workdir, answers=f"{workdir}/filled.json,oracle", embeddings=folder / "all"
    )
    assert result.returncode == 0 and "0 of 5 questions are open" in result.stdout, result.stderr
    result = label_clusters("propagate", workdir=workdir, assignments=folder / "clusters")
    assert result.returncode == 0, result.stderr
    assert len(set(weak_labels.read(str(workdir / "weak_labels.csv")).labels.values())) == 3

    result = label_clusters("train", workdir=workdir, embeddings=folder / "all", train_folds=1, folds=2, **HEAD)
    assert result.returncode == 0, result.stderr
    numbers = json.loads((workdir / "results.json").read_text())
    assert numbers["classification/num_clips"] == 20 and numbers["classification/map"] > 0.45
    assert f"class/class {unknown}" in "".join(numbers) and numbers["classification/prior"] < 0.3
    assert "weak_labels.csv" in (workdir / "report.html").read_text()


@pytest.mark.slow
def test_an_error_is_one_line(folder):
    line = processes.error_of(
        label_clusters(
            "query",
            workdir=folder / "x",
            assignments=folder / "clusters",
            embeddings=folder / "all",
            budget=3,
            data=folder / "nowhere*",
        )
    )
    assert "nowhere" in line
    line = processes.error_of(label_clusters("train", workdir=folder / "nothing", embeddings=folder / "all"))
    assert "weak_labels.csv" in line
