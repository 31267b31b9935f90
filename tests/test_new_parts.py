"""A front end and an architecture of a few lines (`toy_front_end`, `toy_network`) from records to an evaluation."""

import json

import pytest
import soundfile

from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.embedding import EmbeddingConfig, EmbeddingModelConfig
from audioset_triplet.config.evaluation import RetrievalConfig
from audioset_triplet.config.network import EmbeddingNetworkConfig
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.config.triplet import SamplingConfig, TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import comparisons
from audioset_triplet.export import embedding_job, loaded_model, saved_model
from audioset_triplet.frontend import registry as front_ends
from audioset_triplet.models import registry as architectures
from audioset_triplet.runs import trained_networks
from audioset_triplet.training import triplet
from tests import processes, tiny_records, toy_front_end, toy_network

CLASSES = 3


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    monkeypatch.setitem(front_ends.FRONT_ENDS, "toy", toy_front_end.TOY)
    monkeypatch.setitem(architectures.ARCHITECTURES, "toy", toy_network.TOY)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Audio files of two seconds at 16 kHz, in a folder for each class."""
    root = tmp_path_factory.mktemp("source")
    for index in range(8 * CLASSES):
        clip = tiny_records.make_clip(index, index % CLASSES, seconds=2.0)
        path = root / clip.label_names[0] / f"{index}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, clip.pcm, 16000)
    return root


@pytest.fixture(scope="module")
def data(source, tmp_path_factory):
    """The same as records at the rate of the toy front end."""
    output = tmp_path_factory.mktemp("records") / "toy"
    flags = processes.flags(
        source=source, output=output, sample_rate_hz=toy_front_end.TOY.sample_rate_hz, num_workers=1
    )
    result = processes.run("data_prep.prepare_folder", *flags)
    assert result.returncode == 0, result.stderr
    return str(output / "*.tfrecord")


def toy_config(data, **network):
    return TripletConfig(
        data=DataConfig(data=data),
        sampling=SamplingConfig(shift_bands=1, proximity_seconds=1.5),
        network=EmbeddingNetworkConfig(**{"front_end": "toy", "architecture": "toy", "embedding_size": 8, **network}),
        training=TrainingConfig(batch_size=8, steps=40, learning_rate=1e-2, log_every_steps=20),
    )


@pytest.mark.slow
def test_a_new_front_end_and_a_new_architecture_go_all_the_way(source, data, tmp_path):
    workdir, output = tmp_path / "run", tmp_path
    triplet.train(toy_config(data), str(workdir))
    values = json.loads((workdir / "config.json").read_text())
    assert (values["objective"], values["network"]["front_end"]) == ("triplet", "toy")

    network, config, checkpoint = trained_networks.restore_embedding(str(workdir))
    assert network.input_shape == (None, 20, 8) and network.output_shape == (None, 8)
    front_end = front_ends.by_name(config.network.front_end)
    saved_model.export(network, str(output / "model"), front_end, {"weights": checkpoint})

    model = EmbeddingModelConfig(model=str(output / "model"))
    loaded = loaded_model.load(model)
    assert (loaded.front_end_id, loaded.sample_rate_hz) == ("toy-8000", 8000)
    for name, audio in (("of-records", data), ("of-files", str(source))):
        stored = str(output / name)
        summary = embedding_job.embed(audio, stored, EmbeddingConfig(model=model), RunnerConfig(num_workers=1))
        assert summary.num_clips == 8 * CLASSES and summary.num_windows == summary.num_clips * 14  # of 2 s

    stored = str(output / "of-records")
    numbers = comparisons.compare(RetrievalConfig(), comparisons.embedding_sets(stored, "", {}, {})).numbers()
    assert numbers["retrieval/map"] > numbers["retrieval/prior"] + 0.3


def test_records_of_another_rate_are_refused_in_one_line(tmp_path):
    data = tiny_records.write(tmp_path / "a.tfrecord", tiny_records.make_clips(8))
    with pytest.raises(UserError, match="records are 16 kHz mono, and front end toy-8000 takes 8 kHz mono") as raised:
        triplet.train(toy_config(data), str(tmp_path / "run"))
    assert "\n" not in str(raised.value) and not (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize("name, option", [("front_end", "log_mel, toy"), ("architecture", "densenet121, toy")])
def test_an_unknown_name_lists_the_known_ones(data, tmp_path, name, option):
    with pytest.raises(UserError, match=f"--{name}.*{option}"):
        triplet.train(toy_config(data, **{name: "toyy"}), str(tmp_path / "run"))
