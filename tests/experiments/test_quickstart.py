"""The whole way, from sounds to a report, as real programs."""

import json
import os
import pathlib
import signal
import time

import pytest
import tensorflow as tf

from audioset_triplet.store import embeddings
from tests import processes

MODULE = "experiments.quickstart"


def stop_the_training(arguments, folder):
    """What the program says when its training, a process that it starts, is asked to stop at its beginning."""
    program = processes.Program(MODULE, *arguments)
    while not (folder / "run" / "config.json").exists() and program.poll() is None:
        time.sleep(0.1)
    children = pathlib.Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
    [training] = [pid for pid in children if "train_triplet" in pathlib.Path(f"/proc/{pid}/cmdline").read_text()]
    os.kill(int(training), signal.SIGTERM)
    assert program.wait() == 1
    return program.output()[1]


@pytest.mark.slow
def test_from_nothing_to_a_report_and_again(tmp_path):
    arguments = processes.flags(output=tmp_path / "demo", steps=4, clips_per_class=10)
    stopped = stop_the_training(arguments, tmp_path / "demo")
    assert "run: the training was stopped before step 4: run this again" in stopped.splitlines()[-1]
    assert not (tmp_path / "demo" / "models").exists()

    result = processes.run(MODULE, *arguments)
    assert result.returncode == 0, result.stderr
    numbers = json.loads((tmp_path / "demo" / "report" / "results.json").read_text())
    shown = result.stdout.strip().splitlines()[-3]
    for key in ("retrieval/map", "retrieval/log-mel/map", "retrieval/untrained/map", "retrieval/prior"):
        assert 0 < numbers[key] <= 1 and f"{numbers[key]:.3f}" in shown
    assert "synthetic" in result.stdout.splitlines()[-1]
    assert (tmp_path / "demo" / "report" / "report.html").stat().st_size > 100_000

    # The model computes what was stored, from the waveform alone.
    model = tf.saved_model.load(str(tmp_path / "demo" / "models" / "trained"))
    stored = embeddings.read_info(str(tmp_path / "demo" / "embeddings" / "trained"))
    assert stored.model_id == model.model_id().numpy().decode() == numbers["model_id"]

    (tmp_path / "other" / "meta").mkdir(parents=True)
    clip_list = (tmp_path / "demo" / "sounds" / "meta" / "esc50.csv").read_text()
    (tmp_path / "other" / "meta" / "esc50.csv").write_text(clip_list.replace("siren", "dog"))
    other = processes.run(MODULE, *arguments, f"--esc50={tmp_path / 'other'}")
    assert other.returncode == 1 and "prepare_esc50 failed" in other.stderr.splitlines()[-1]
    assert str(tmp_path / "demo" / "records") in other.stderr.splitlines()[0]

    os.remove(tmp_path / "demo" / "embeddings" / "trained.made")  # as of a run that was killed there
    again = processes.run(MODULE, *arguments)
    assert again.returncode == 0, again.stderr
    assert "is trained: step 4 of 4" in again.stderr and "24 clips were embedded before" in again.stdout
    assert again.stdout.count(" are there already") == 2 and again.stdout.count("experiments.embed") == 1
    assert json.loads((tmp_path / "demo" / "report" / "results.json").read_text()) == numbers


def test_a_folder_that_is_no_data_set_is_one_clear_line(tmp_path):
    line = processes.error_of(processes.run(MODULE, *processes.flags(output=tmp_path / "demo", esc50=tmp_path)))
    assert "esc50.csv" in line
