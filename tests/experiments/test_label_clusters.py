"""experiments.label_clusters as a real process: ask, answer, propagate, train."""

import csv
import json
import signal

import pytest
import soundfile

from audioset_triplet.labelling import annotation_log
from audioset_triplet.store import weak_labels
from tests import clustered, example_clips, processes
from tests.reports.test_images import tone, write_records

INFOS = example_clips.make_infos(40, 4)
TRAIN = [info for info in INFOS if info.fold == 1]
IDS = [info.clip_id for info in TRAIN]
CLUSTERS = [info.labels[0] + 10 * (place == 19) for place, info in enumerate(TRAIN)]  # by class, but for the last
ALL_CLUSTERS = [cluster for cluster in CLUSTERS for _ in range(2)]  # folds take turns, and have the same classes
HEAD = {"hidden_units": 16, "head_epochs": 1, "head_min_steps": 40}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("consolidate")
    example_clips.write(root / "all", INFOS)
    clustered.write(root / "clusters", [info.clip_id for info in INFOS], ALL_CLUSTERS)
    clustered.write(root / "windows", IDS, CLUSTERS, unit="windows")
    write_records(root / "clips.tfrecord", {clip_id: tone(200 + 10 * row, 0.5) for row, clip_id in enumerate(IDS)})
    return root


def consolidate(task, **options):
    return processes.run("experiments.label_clusters", *processes.flags(task=task, **options))


def ask(root, workdir, budget, **options):
    return consolidate(
        "ask",
        workdir=workdir,
        assignments=root / "clusters",
        embeddings=root / "all",
        train_folds=1,
        budget=budget,
        **options,
    )


@pytest.mark.slow
def test_from_questions_to_a_classifier(folder):
    workdir = folder / "w"
    result = ask(folder, workdir, 3, data=folder / "*.tfrecord", seed=1)
    assert result.returncode == 0, result.stderr
    assert "3 new questions, 3 of 3 are open" in result.stdout
    path = workdir / "round-1" / "questions.csv"
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    line = processes.error_of(consolidate("propagate", workdir=workdir, assignments=folder / "clusters"))
    assert "none of 3 questions has got one yet" in line and not (workdir / "weak_labels.csv").exists()
    sizes = [CLUSTERS.count(int(row["cluster"])) for row in rows]
    assert [int(row["cluster_size"]) for row in rows] == sizes == sorted(sizes, reverse=True)
    for row in rows:  # clips of fold 1 alone, each with its own sound
        place = IDS.index(row["clip_id"])
        assert CLUSTERS[place] == int(row["cluster"])
        sound, rate = soundfile.read(workdir / "round-1" / row["sound"])
        assert rate == 16000 and sound == pytest.approx(tone(200 + 10 * place, 0.5), abs=1e-3)

    for row, answer in zip(rows, [f"class {CLUSTERS[IDS.index(rows[0]['clip_id'])]}", "", "?"]):  # partly
        row["answer"] = answer
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    result = consolidate("answer", workdir=workdir, answers=path)
    assert result.returncode == 0, result.stderr
    assert "2 new answers of 2" in result.stdout and "1 of 3 questions are open" in result.stdout

    before = path.read_bytes()
    result = ask(folder, workdir, 5, seed=1)  # the clusters that follow; what was filled in stays
    assert "2 new questions, 3 of 5 are open" in result.stdout and path.read_bytes() == before
    assert len((workdir / "round-2" / "questions.csv").read_text().splitlines()) == 1 + 2
    assert "0 new questions" in ask(folder, workdir, 5, seed=2).stdout
    result = consolidate("answer", workdir=workdir, answers=f"{path},oracle", embeddings=folder / "all")
    assert "0 new answers of 2" in result.stdout and "oracle: 3 new answers of 3" in result.stdout

    result = consolidate("propagate", workdir=workdir, assignments=folder / "clusters")
    assert result.returncode == 0, result.stderr
    labels = weak_labels.read(str(workdir / "weak_labels.csv")).labels
    assert "learns them: 1 of 4" in result.stdout and len(set(labels.values())) == 3
    unknown = int(rows[2]["cluster"])
    asked = {one.cluster: one.clip_id for one in annotation_log.read(str(workdir)).questions.values()}
    truth = {info.clip_id: info.labels for info in TRAIN}
    expected = {  # every clip of a cluster, those of fold 2 too, which nobody was asked about
        info.clip_id: truth[asked[cluster]] for info, cluster in zip(INFOS, ALL_CLUSTERS) if cluster != unknown
    }
    assert labels == expected

    result = consolidate("train", workdir=workdir, embeddings=folder / "all", train_folds=1, folds=2, **HEAD)
    assert result.returncode == 0, result.stderr
    numbers = json.loads((workdir / "results.json").read_text())
    assert numbers["classification/num_clips"] == 20 and numbers["classification/map"] > 0.45
    assert f"class/class {unknown}" in "".join(numbers) and numbers["classification/prior"] < 0.3
    assert "weak_labels.csv" in (workdir / "report.html").read_text()


@pytest.mark.slow
def test_a_process_that_is_killed_while_it_asks_goes_on(folder):
    workdir = folder / "killed"
    flags = processes.flags(
        task="ask",
        workdir=workdir,
        assignments=folder / "clusters",
        embeddings=folder / "all",
        train_folds=1,
        budget=5,
        data=folder / "*.tfrecord",
    )
    for path in (workdir / annotation_log.NAME, workdir / "round-1" / "sounds", workdir / "round-1" / "questions.csv"):
        processes.stop_when_there("experiments.label_clusters", *flags, path=path, signal_number=signal.SIGKILL)
        if (workdir / annotation_log.NAME).exists():
            annotation_log.read(str(workdir))  # whole, wherever it was
    result = processes.run("experiments.label_clusters", *flags)
    assert result.returncode == 0, result.stderr
    book = annotation_log.read(str(workdir))
    assert len({one.cluster for one in book.questions.values()}) == len(book.questions) == 5
    answers = [
        entry["clip_id"]
        for number in {one.round for one in book.questions.values()}
        for entry in json.loads((workdir / f"round-{number}" / "questions.json").read_text())
    ]
    assert sorted(answers) == sorted(book.questions)


@pytest.mark.slow
def test_what_is_wrong_is_one_line(folder):
    line = processes.error_of(ask(folder, folder / "x", 3, data=folder / "nowhere*"))
    assert "nowhere" in line
    line = processes.error_of(
        consolidate("ask", workdir=folder / "x2", assignments=folder / "windows", embeddings=folder / "all")
    )
    assert "clusters of windows" in line and "--unit=clips" in line
    line = processes.error_of(consolidate("answer", workdir=folder / "nothing", answers="oracle"))
    assert "nothing was asked yet" in line
    line = processes.error_of(consolidate("train", workdir=folder / "nothing", embeddings=folder / "all"))
    assert "weak_labels.csv" in line
