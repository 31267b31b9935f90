"""The networks of a table, trained in this process."""

import json

import pytest

from audioset_triplet.config import DataConfig, ModelConfig, SamplingConfig, TrainingConfig, TripletConfig
from audioset_triplet.data.splits import DataSplit
from audioset_triplet.export import saved_model
from audioset_triplet.models import checkpoints
from audioset_triplet.training import triplet
from experiments.jansen2018 import networks
from tests import tiny_records


@pytest.mark.slow
@pytest.mark.parametrize("row, method", [("topline", "labels"), ("joint", "joint")])
def test_no_network_learns_from_a_recording_that_is_held_out(tmp_path, row, method):
    apart = [tiny_records.make_clip(i, i % 2) for i in range(8)]
    shared = [
        tiny_records.make_clip(8, 0, recording="shared"),
        tiny_records.make_clip(9, 1, fold=2, recording="shared"),
    ]
    path = tiny_records.write(tmp_path / "all.tfrecord", [*apart[:3], *shared, *apart[3:]])

    def config_of(data):
        return TripletConfig(
            data=data,
            sampling=SamplingConfig(method=method),
            model=ModelConfig(width=0.0625, stem_stride=2, embedding_size=8),
            training=TrainingConfig(batch_size=8, steps=2, learning_rate=0.01, deterministic=True),
        )

    split = DataSplit("fold2", DataConfig(path, (1,)), DataConfig(path, (2,)))
    (tmp_path / row / ".export-killed" / "new").mkdir(parents=True)
    networks.embeddings_of(str(tmp_path / row), row, split, config_of(split.train))
    model_id = json.loads((tmp_path / row / "embeddings.json").read_text())["model_id"]
    assert not list((tmp_path / row).glob(".export-*"))

    alone = DataConfig(tiny_records.write(tmp_path / "apart.tfrecord", apart))  # as if there were no such recording
    triplet.train(config_of(alone), str(tmp_path / "alone"))
    assert model_id == saved_model.model_id_of(checkpoints.restore_network(str(tmp_path / "alone"))[0])
