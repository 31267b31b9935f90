"""What an exported embedding consists of: settings of the run, which flags of export_model change."""

import json
import os

import pytest

from tests import processes, tiny_records

pytestmark = pytest.mark.slow  # a process for each export


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_records.write(tmp_path_factory.mktemp("records") / "all.tfrecord", tiny_records.make_clips())


def run(module, **options):
    return processes.run("tests.toy_network", f"experiments.{module}", *processes.flags(**options))


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A run whose exported embedding is of the layer below, whitened."""
    folder = tmp_path_factory.mktemp("run")
    network = dict(architecture="toy", embedding_size=8, layers="features", whitening=0.5, components=5)
    done = run("train_triplet", data=data, workdir=folder, batch_size=8, steps=2, loss="nt_xent", **network)
    assert done.returncode == 0, done.stderr
    assert f"{folder} is trained: step 2 of 2." in done.stderr
    return folder


def model_id(folder):
    return json.loads((folder / "model.json").read_text())["model_id"]


def test_the_settings_of_the_run_hold_and_flags_change_them(data, trained, tmp_path):
    for name, options in (
        ("toy-features-white-5", {}),
        ("toy-embedding-features-white-3", {"layers": "embedding,features", "components": 3}),
        ("toy-8", {"layers": "embedding", "whitening": 0}),
        ("toy-white-5", {"layers": "embedding", "whitening_data": data}),
    ):
        done = run("export_model", workdir=trained, output=tmp_path / name, **options)
        assert done.returncode == 0, done.stderr
        assert model_id(tmp_path / name).startswith(f"{name}-"), name
        assert model_id(tmp_path / name) in done.stdout


def test_flags_for_which_there_is_nothing_to_do_are_refused(data, trained, tmp_path):
    labels = tmp_path / "classifier"
    done = run("train_classifier", data=data, workdir=labels, architecture="toy", batch_size=8, steps=2)
    assert done.returncode == 0, done.stderr
    for options, message in (
        ({"workdir": labels, "layers": "features"}, f"--layers is for the embedding of a run; {labels} trains none"),
        ({"network": "log_mel", "whitening": 0.5}, "--whitening is for the embedding of a run; log_mel trains none"),
        (
            {"workdir": trained, "layers": "stage2"},
            "--layers=stage2: toy has no such stage, which are those of ResNets",
        ),
        ({"workdir": trained, "whitening_data": tmp_path / "gone"}, "gone"),
        (
            {"workdir": trained, "whitening": 0, "components": 3},
            "--components is for an embedding that is whitened: give --whitening too, or leave it out",
        ),
        ({"workdir": trained, "whitening": 2}, "--whitening must be at least 0 and at most 1, not 2.0"),
    ):
        done = run("export_model", output=tmp_path / "model", **options)
        assert done.returncode == 1 and message in processes.error_of(done), done.stderr
    assert not (tmp_path / "model").exists()


def test_records_that_are_gone_are_said_to_be_those_that_whitening_reads(data, trained, tmp_path):
    elsewhere = tmp_path / "moved.tfrecord"
    os.rename(data, elsewhere)
    try:
        done = run("export_model", workdir=trained, output=tmp_path / "model")
        assert done.returncode == 1
        assert "say by --whitening_data where they are, or give --whitening=0" in processes.error_of(done)
        done = run("export_model", workdir=trained, output=tmp_path / "model", whitening_data=elsewhere)
        assert done.returncode == 0, done.stderr
    finally:
        os.rename(elsewhere, data)
