"""From ratings to files of detections by the programs, over a kill, and what they say about bad inputs."""

import csv
import json
import signal

import numpy as np
import pyarrow.parquet as pq
import pytest

from audioset_triplet.labelling import log_folder
from audioset_triplet.store import heads, window_scores
from tests import processes
from tests.detection import rated
from tests.search import stores

COLUMN = {"dog": 0, "cat": 1}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """An archive of 4 parts, and a log that rates half of it."""
    root = tmp_path_factory.mktemp("archive")
    planted = rated.archive(root / "store", num_clips=40)
    rated.write_log(root / "labels", rated.ratings_of(planted, list(planted)[:20]))
    return root, planted


def score(root, output, **options):
    given = {"embeddings": root / "store", "output": output, "num_workers": 1, **options}
    return processes.run("experiments.score_archive", *processes.flags(**given))


@pytest.mark.slow
def test_from_ratings_to_files(root, tmp_path):
    root, planted = root
    head, output = tmp_path / "head", tmp_path / "detections"
    flags = processes.flags(workdir=root / "labels", embeddings=root / "store", output=head)
    result = processes.run("experiments.train_head", *flags)
    assert result.returncode == 0 and "dog: average precision" in result.stdout, result.stderr
    numbers = json.loads((head / "results.json").read_text())
    assert numbers["head/map"] > 0.8 and "<svg" in (head / "report.html").read_text()
    result = score(root, output, head=head)
    assert result.returncode == 0, result.stderr
    assert "dog: " in result.stdout and "; precision of windows " in result.stdout
    numbers = json.loads((output / "results.json").read_text())
    with open(output / "detections.csv", newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == numbers["detections/num_detections"] == pq.read_table(output / "detections.parquet").num_rows
    scores = {
        (clip.clip.clip_id, round(float(start), 3)): of_window
        for clip in window_scores.read_clips(str(output / "scores"))
        for start, of_window in zip(clip.window_start_seconds, clip.scores)
    }
    of_head = heads.read(str(output))
    stored = stores.rows(root / "store")
    np.testing.assert_allclose(
        np.stack([scores[one["clip_id"], round(float(one["start"]), 3)] for one in stored]),
        of_head.scores(np.stack([one["vector"] for one in stored])),
        atol=1e-6,
    )
    for name in COLUMN:
        threshold, place = numbers[f"detections/{name}/threshold"], of_head.info.classes.index(name)
        above = {where for where, of_window in scores.items() if of_window[place] >= threshold}
        assert len(above) == numbers[f"detections/{name}/num_windows"]
        assert numbers[f"detections/{name}/num_events"] == sum(row["label"] == name for row in rows)
        assert numbers[f"detections/{name}/events/low"] >= 0.9
        within = set()
        for row in rows:
            if row["label"] == name:
                start, end = float(row["start_time_seconds"]), float(row["end_time_seconds"])
                own = {where for where in scores if where[0] == row["segment_id"] and start <= where[1] < end - 0.01}
                assert own and max(scores[where][place] for where in own) == pytest.approx(
                    float(row["score"]), abs=1e-6
                )
                within |= own
        assert within == above  # each window in one event, and no other
        right = [planted[clip_id][round(start / rated.HOP), COLUMN[name]] for clip_id, start in above]
        assert np.mean(right) > 0.8
    clip_id = rows[0]["segment_id"]
    of_clip = [row for row in rows if row["segment_id"] == clip_id]
    audacity = [line.split("\t") for line in (output / "audacity" / f"{clip_id}.txt").read_text().splitlines()]
    assert [(float(one[0]), float(one[1]), one[2]) for one in audacity] == [
        (float(row["start_time_seconds"]), float(row["end_time_seconds"]), row["label"]) for row in of_clip
    ]
    with open(output / "raven" / f"{clip_id}.Table.1.selections.txt", newline="") as file:
        raven = list(csv.DictReader(file, delimiter="\t"))
    assert [row["Class"] for row in raven] == [row["label"] for row in of_clip]
    assert [row["Selection"] for row in raven] == [str(number + 1) for number in range(len(raven))]
    # The scores are asked about, with the head or as they are stored.
    for source in (dict(head=output, embeddings=root / "store"), dict(scores=output / "scores")):
        asked = processes.flags(**source, labels="dog", per_class=3, workdir=root / "labels", output=tmp_path / "q.csv")
        result = processes.run("experiments.ask", *asked)
        assert result.returncode == 0 and "3 questions" in result.stdout, result.stderr


@pytest.mark.slow
def test_a_kill_costs_a_part_and_another_precision_no_score(root, tmp_path):
    root, _ = root
    whole, output = tmp_path / "whole", tmp_path / "detections"
    assert score(root, whole, workdir=root / "labels").returncode == 0
    part = output / "scores" / "_shards" / "scores-00001.parquet.json"
    flags = processes.flags(embeddings=root / "store", output=output, num_workers=1, workdir=root / "labels")
    code = processes.stop_when_there("experiments.score_archive", *flags, path=part, signal_number=signal.SIGKILL)
    assert code == -signal.SIGKILL or (output / "results.json").exists()
    before = part.stat().st_mtime_ns
    result = score(root, output, workdir=root / "labels")
    assert result.returncode == 0, result.stderr
    assert part.stat().st_mtime_ns == before
    for name in ("detections.csv", "results.json"):
        assert (output / name).read_bytes() == (whole / name).read_bytes()
    result = score(root, output, workdir=root / "labels", precision=0.5, confidence=0.5)
    assert result.returncode == 0 and part.stat().st_mtime_ns == before
    assert len((output / "detections.csv").read_text().splitlines()) > len(
        (whole / "detections.csv").read_text().splitlines()
    )
    assert not [path for path in output.rglob("*") if ".tmp-" in path.name or path.name == "_plan"]


@pytest.mark.slow
def test_bad_inputs_are_one_line(root, tmp_path):
    root, planted = root
    output = tmp_path / "detections"
    line = processes.error_of(score(root, output))
    assert "--head=FOLDER of experiments.train_head, or --workdir" in line
    with log_folder.open_or_create(str(tmp_path / "empty"), None, {}):
        pass
    assert "nobody has rated a clip yet" in processes.error_of(score(root, output, workdir=tmp_path / "empty"))
    one_kind = [one for one in rated.ratings_of(planted, list(planted)[:6], ("dog",)) if one[3]]
    rated.write_log(tmp_path / "one-kind", one_kind)
    line = processes.error_of(score(root, output, workdir=tmp_path / "one-kind"))
    assert "no class can be learned yet: dog:" in line and "none not present" in line
    line = processes.error_of(score(root, output, workdir=root / "labels", precision=0.999, confidence=0.999))
    assert "no threshold reaches a precision of 0.999" in line and "--threshold" in line
    result = score(root, output, workdir=root / "labels", precision=0.999, confidence=0.999, threshold=0.5)
    assert result.returncode == 0 and "threshold 0.500" in result.stdout, result.stderr
    line = processes.error_of(score(root, output, head=output, classifier="fc"))
    assert "--head is trained already" in line
    stores.write(tmp_path / "other", {"a/1/x": np.eye(rated.SIZE)}, model="other")
    line = processes.error_of(score(root, output, head=output, embeddings=tmp_path / "other"))
    assert "has the embeddings of other" in line
