"""From clusters to weak labels, in this process."""

import csv
import dataclasses

import pytest
import soundfile

from audioset_triplet.config.evaluation import ClassificationConfig
from audioset_triplet.config.labelling import LabellingConfig, QueryConfig
from audioset_triplet.errors import UserError
from audioset_triplet.labelling import cluster_log, tasks
from audioset_triplet.store import weak_labels
from tests import clustered_clips
from tests.clustered_clips import CLUSTERS, IDS
from tests.reports.test_images import tone


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return clustered_clips.write(tmp_path_factory.mktemp("labelling"))


def fill_in(path, answers):
    """Writes answers into a questions.csv."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "answer": answer} for row, answer in zip(rows, answers))


def test_from_clusters_to_weak_labels(folder):
    workdir = folder / "w"
    config = LabellingConfig(
        str(workdir),
        str(folder / "clusters"),
        str(folder / "all"),
        query=QueryConfig(budget=3, data=str(folder / "*.tfrecord")),
        classification=ClassificationConfig(train_folds=(1,), seed=1),
    )
    with pytest.raises(UserError, match="nowhere"):
        tasks.query(dataclasses.replace(config, query=QueryConfig(budget=3, data=str(folder / "nowhere/*.tfrecord"))))
    assert not workdir.exists()
    assert tasks.query(config).endswith("3 new questions, 3 of 3 are open")
    path = workdir / "round-1" / "questions.csv"
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    with pytest.raises(UserError, match="none of 3 questions has got one yet"):
        tasks.propagate(config)
    assert not (workdir / "weak_labels.csv").exists()
    sizes = [CLUSTERS.count(int(row["cluster"])) for row in rows]
    assert [int(row["cluster_size"]) for row in rows] == sizes == sorted(sizes, reverse=True)
    for row in rows:  # clips of fold 1 alone, each with its own audio
        index = IDS.index(row["clip_id"])
        assert CLUSTERS[index] == int(row["cluster"])
        samples, rate = soundfile.read(workdir / "round-1" / row["audio"])
        assert rate == 16000 and samples == pytest.approx(tone(200 + 10 * index, 0.5), abs=1e-3)

    fill_in(path, [f"class {CLUSTERS[IDS.index(rows[0]['clip_id'])]}", "", "?"])  # in part
    text = tasks.annotate(dataclasses.replace(config, answers=(str(path),)))
    assert "2 new answers of 2" in text and "1 of 3 questions are open" in text

    before = path.read_bytes()
    more = dataclasses.replace(config, query=QueryConfig(budget=5))  # the clusters that follow; the answers stay
    assert "2 new questions, 3 of 5 are open" in tasks.query(more) and path.read_bytes() == before
    assert len((workdir / "round-2" / "questions.csv").read_text().splitlines()) == 1 + 2
    assert "0 new questions" in tasks.query(
        dataclasses.replace(more, classification=ClassificationConfig(train_folds=(1,), seed=2))
    )
    num_clusters = len(set(CLUSTERS))
    assert tasks.query(
        dataclasses.replace(config, workdir=str(folder / "all-of-them"), query=QueryConfig(budget=99))
    ) == (
        f"{folder}/all-of-them: {num_clusters} new questions, {num_clusters} of {num_clusters} are open; --budget=99 "
        "allows more, but no cluster is left"
    )
    text = tasks.annotate(dataclasses.replace(config, answers=(str(path), "oracle")))
    assert "0 new answers of 2" in text and "oracle: 3 new answers of 3" in text

    text = tasks.propagate(config)
    labels = weak_labels.read(str(workdir / "weak_labels.csv")).labels
    assert "cannot learn: 1 of 4" in text and len(set(labels.values())) == 3
    unknown = int(rows[2]["cluster"])
    queried = {question.cluster: question.clip_id for question in cluster_log.read(str(workdir)).questions.values()}
    truth = {info.clip_id: info.labels for info in clustered_clips.TRAIN}
    expected = {  # every clip of a cluster, those of fold 2 too, none of which was queried
        info.clip_id: truth[queried[cluster]]
        for info, cluster in zip(clustered_clips.INFOS, clustered_clips.ALL_CLUSTERS)
        if cluster != unknown
    }
    assert labels == expected


def test_inputs_that_do_not_fit_are_refused(folder):
    config = LabellingConfig(str(folder / "x"), str(folder / "windows"), str(folder / "all"))
    with pytest.raises(UserError, match="clusters of windows.*--unit=clips"):
        tasks.query(config)
    config = dataclasses.replace(config, assignments=str(folder / "clusters"))
    with pytest.raises(UserError, match="--classes or --embeddings is required"):
        tasks.query(dataclasses.replace(config, embeddings=""))
    with pytest.raises(UserError, match="nothing was queried yet"):
        tasks.annotate(dataclasses.replace(config, answers=("oracle",)))
    tasks.query(config)
    with pytest.raises(UserError, match="oracle needs --embeddings"):
        tasks.annotate(dataclasses.replace(config, embeddings="", answers=("oracle",)))
