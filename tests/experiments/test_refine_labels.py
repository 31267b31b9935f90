"""experiments.refine_labels as a person runs it."""

import json

import numpy as np
import pytest

from audioset_triplet.clips import ClipInfo, digest
from audioset_triplet.store import frame_labels, window_scores
from audioset_triplet.store.window_scores import ScoredClip, ScoreInfo
from tests import processes, tiny_records
from tests.weakly_labelled import make_world

MODULE = "experiments.refine_labels"


@pytest.mark.slow
def test_the_program_writes_labels_numbers_and_a_page(tmp_path):
    scores, output = tmp_path / "scores", tmp_path / "refined"
    scores.mkdir()
    info = ScoreInfo("model-1", "log-mel", "0.1", (0, 1), ("dog", "bell"), 0.975, 0.96)
    clips = [
        ScoredClip(
            ClipInfo(f"clip{i}", f"r{i}", (i % 2,), (info.class_names[i % 2],), 1 + i // 4),
            0.96 * np.arange(3),
            np.array([[0.2, 0.8], [0.4, 0.8], [0.1, 0.5]], np.float32),
        )
        for i in range(6)
    ]
    window_scores.write_part(str(scores / "scores-00000-of-00001.parquet"), info, clips)
    done = processes.run(MODULE, *processes.flags(scores=scores, output=output, folds=1, threshold=0.6))
    assert done.returncode == 0, done.stderr
    assert "4 clips, 12 windows; 4 windows keep no label" in done.stdout
    assert sorted(path.name for path in output.iterdir()) == ["frame_labels.parquet", "report.html", "results.json"]
    numbers = json.loads((output / "results.json").read_text())
    assert numbers["refinement/class/dog/kept_share"] == pytest.approx(1 / 3)
    assert numbers["refinement/class/bell/kept_windows"] == 2 * 3 and numbers["refinement/windows_without_label"] == 4
    assert (numbers["model_id"], numbers["threshold"], numbers["folds"]) == ("model-1", 0.6, [1])
    assert numbers["clips_digest"] == digest(f"clip{i}" for i in range(4))
    assert numbers["frame_labels_digest"] == frame_labels.digest(frame_labels.path_in(str(output)))


@pytest.mark.slow
def test_bad_input_is_one_line(tmp_path):
    for options, message in [
        ({}, "--scores is required"),
        (dict(scores=tmp_path / "none"), "none: no such folder"),
        (dict(scores=tmp_path, threshold=2), "--threshold must be at least 0 and at most 1, not 2.0"),
        (dict(scores=tmp_path, data=tmp_path / "*.tfrecord"), "*.tfrecord"),
    ]:
        arguments = processes.flags(output=tmp_path / "refined", **options)
        assert message in processes.error_of(processes.run(MODULE, *arguments))
    assert not (tmp_path / "refined").exists()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_refined_classifier_is_refined_again(tmp_path):
    made, _ = make_world(12, num_windows=4, num_active=1)
    data = tiny_records.write(tmp_path / "clips.tfrecord", made)

    def run(module, **options):
        done = processes.run("tests.toy_network", f"experiments.{module}", *processes.flags(**options))
        assert done.returncode == 0, done.stderr
        return done

    frame = {}
    for generation in ("first", "second"):
        run_folder, model, scores, refined = (
            tmp_path / generation / name for name in ("run", "model", "scores", "out")
        )
        training = dict(architecture="toy", loss="sigmoid", batch_size=8, steps=20, learning_rate=0.03)
        trained = run("train_classifier", data=data, workdir=run_folder, **training, **frame)
        assert ("12 clips with" in trained.stderr) == bool(frame)
        run("export_model", workdir=run_folder, output=model)
        run("embed", what="scores", model=model, input=data, output=scores)
        done = run("refine_labels", scores=scores, output=refined, data=data)
        assert "12 clips, 48 windows" in done.stdout
        frame = dict(frame_labels=refined / "frame_labels.parquet", dropped_windows="negative")
    assert "<audio" in (refined / "report.html").read_text()
    info = [frame_labels.read_info(frame_labels.path_in(str(tmp_path / one / "out"))) for one in ("first", "second")]
    assert info[0].model_id != info[1].model_id
