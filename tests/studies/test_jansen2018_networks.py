"""The networks of a table, trained in this process."""

import json

import pytest

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.config.network import ClassifierNetworkConfig, EmbeddingNetworkConfig
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.config.triplet import SamplingConfig, TripletConfig
from audioset_triplet.evaluation import semi_supervised, splits
from audioset_triplet.export import model_record
from audioset_triplet.models.registry import ARCHITECTURES
from audioset_triplet.records.splits import DataSplit
from audioset_triplet.runs import manifest, trained_networks
from audioset_triplet.studies.jansen2018 import evaluations, networks, scratch
from audioset_triplet.training import triplet
from tests import example_clips, tiny_records
from tests.toy_network import TOY


@pytest.fixture(autouse=True)
def toy_network(monkeypatch):
    monkeypatch.setitem(ARCHITECTURES, "toy", TOY)


@pytest.mark.slow
@pytest.mark.parametrize("row, method", [("topline", "labels"), ("joint", "joint")])
def test_no_network_learns_from_a_recording_that_is_held_out(tmp_path, row, method):
    others = [tiny_records.make_clip(i, i % 2) for i in range(8)]
    shared = [
        tiny_records.make_clip(8, 0, recording="shared"),
        tiny_records.make_clip(9, 1, fold=2, recording="shared"),
    ]
    path = tiny_records.write(tmp_path / "all.tfrecord", [*others[:3], *shared, *others[3:]])

    def config_of(data):
        return TripletConfig(
            data=data,
            sampling=SamplingConfig(method=method),
            network=EmbeddingNetworkConfig(architecture="toy", embedding_size=8),
            training=TrainingConfig(batch_size=8, steps=2, learning_rate=0.01, deterministic=True),
        )

    split = DataSplit("fold2", DataConfig(path, (1,)), DataConfig(path, (2,)))
    (tmp_path / row / ".export-killed" / "new").mkdir(parents=True)
    networks.embeddings_of(str(tmp_path / row), row, split, config_of(split.train))
    model_id = json.loads((tmp_path / row / "embeddings.json").read_text())["model_id"]
    assert not list((tmp_path / row).glob(".export-*"))

    alone = DataConfig(tiny_records.write(tmp_path / "others.tfrecord", others))  # as if there were no such recording
    triplet.train(config_of(alone), str(tmp_path / "alone"))
    assert model_id == model_record.model_id_of(trained_networks.restore_embedding(str(tmp_path / "alone"))[0])


@pytest.mark.slow
def test_the_classifiers_of_few_labels_learn_from_the_clips_of_the_heads(tmp_path):
    made = tiny_records.make_clips(16, 2)
    path = tiny_records.write(tmp_path / "clips.tfrecord", made)
    split = DataSplit("fold2", DataConfig(path, (1,)), DataConfig(path, (2,)))
    folders = networks.Embeddings(str(tmp_path / "train"), str(tmp_path / "held_out"))
    for fold, folder in ((1, folders.train_folder), (2, folders.held_out_folder)):
        infos = [ClipInfo(c.clip_id, c.recording_id, c.labels, c.label_names, c.fold) for c in made if c.fold == fold]
        example_clips.write(folder, infos)
    config = ClassifierConfig(
        data=split.train,
        network=ClassifierNetworkConfig(architecture="toy"),
        training=TrainingConfig(batch_size=4, steps=1),
    )
    how = evaluations.Evaluations(HeadConfig(), labels_per_class=(2,), trials=2)
    scratch.few_labels(str(tmp_path / "row"), config, split, folders, how)

    clips = splits.read_split(folders.train_folder, (), folders.held_out_folder, ())
    digests = []
    for trial in range(2):
        shown = semi_supervised.labelled(clips, semi_supervised.ranked_clips(clips, how.seed, trial), 2)
        ids = [clip_id for clip_id, is_shown in zip(clips.train.clip_ids, shown) if is_shown]
        learned_from = json.loads((tmp_path / "row" / f"run-2-labels-trial{trial}" / "data.json").read_text())
        assert learned_from == manifest.describe(path, ids) and learned_from["clips"] == 4
        digests.append(learned_from["clips_digest"])
    assert digests[0] != digests[1]
