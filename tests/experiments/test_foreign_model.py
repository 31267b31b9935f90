"""A model of others through the programs: embed, evaluate, cluster and label_clusters."""

import json

import pyarrow.parquet as pq
import pytest
import soundfile

from tests import foreign_models, processes, tiny_records

HEAD = {"hidden_units": 16, "head_epochs": 1, "head_min_steps": 40}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A YAMNet of scores alone as a TFLite file, and clips of four classes in two folds."""
    root = tmp_path_factory.mktemp("foreign")
    yamnet = foreign_models.YAMNet()
    foreign_models.convert(root / "yamnet.tflite", lambda waveform: yamnet(waveform)[0], foreign_models.PATCH_SAMPLES)
    tiny_records.write(root / "clips.tfrecord", tiny_records.make_clips(24))
    return root


def run(module, **options):
    result = processes.run(f"experiments.{module}", *processes.flags(**options))
    assert result.returncode == 0, result.stderr
    return result


def embed(root, output, **options):
    return run("embed", model=root / "yamnet.tflite", input=root / "clips.tfrecord", output=root / output, **options)


def test_files_embed_with_one_line_about_the_model_and_nothing_else_on_the_terminal(folder, tmp_path):
    soundfile.write(tmp_path / "a.wav", foreign_models.noise(48000, channels=[2]), 48000)
    result = run("embed", model=folder / "yamnet.tflite", input=tmp_path / "a.wav", output=tmp_path / "out")
    first, last = result.stdout.splitlines()
    assert first == (f"model: {folder}/yamnet.tflite: output Identity, 12 numbers per 0.975 s every 0.96 s, 16000 Hz")
    assert "1 clip, 1 window" in last
    assert result.stderr == ""
    line = processes.error_of(
        processes.run(
            "experiments.embed",
            *processes.flags(
                model=folder / "yamnet.tflite", output_name="list", input=tmp_path / "a.wav", output=tmp_path / "none"
            ),
        )
    )
    assert foreign_models.inner_tensor(str(folder / "yamnet.tflite"), 1024) in line and not (tmp_path / "none").exists()


@pytest.mark.slow
def test_every_program_takes_its_embeddings(folder):
    inner = foreign_models.inner_tensor(str(folder / "yamnet.tflite"), 1024)
    embed(folder, "inner", output_name=inner)
    embed(folder, "scores")
    assert len(pq.read_table(folder / "inner")["embedding"][0]) == 1024
    learning = {"train_folds": 1, "folds": 2}
    for task, options in [("retrieval", {"folds": 2}), ("knn", learning), ("classification", {**learning, **HEAD})]:
        options = {**options, "embeddings": folder / "inner", "compare": f"scores={folder / 'scores'}"}
        run("evaluate", task=task, output=folder / task, **options)
        numbers = json.loads((folder / task / "results.json").read_text())
        assert numbers["model_id"].startswith("yamnet-1024-")
        assert numbers[f"{task}/scores/model_id"].startswith("yamnet-12-")
        assert numbers[f"{task}/map"] > 0.9 > 0.5 > numbers[f"{task}/prior"]  # a tone of another pitch in each class

    clusters = {"embeddings": folder / "inner", "workdir": folder / "clustering"}
    run("cluster", task="train", num_clusters=4, method="kmeans", unit="clips", batch_size=24, steps=20, **clusters)
    run("cluster", task="assign", output=folder / "clusters", **clusters)
    run(
        "cluster", task="report", output=folder / "report", assignments=folder / "clusters", embeddings=folder / "inner"
    )
    assert json.loads((folder / "report" / "results.json").read_text())["cluster/purity"] > 0.9
    labelling = {"workdir": folder / "labels", "embeddings": folder / "inner"}
    run("label_clusters", task="query", assignments=folder / "clusters", train_folds=1, budget=4, **labelling)
    run("label_clusters", task="annotate", answers="oracle", **labelling)
    run("label_clusters", task="propagate", workdir=folder / "labels", assignments=folder / "clusters")
    run("label_clusters", task="train", **learning, **HEAD, **labelling)
    assert json.loads((folder / "labels" / "results.json").read_text())["classification/map"] > 0.9
