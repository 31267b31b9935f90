"""Every architecture learns classes and embeddings, at a small width."""

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.network import RESNETS, ClassifierNetworkConfig, EmbeddingNetworkConfig
from audioset_triplet.config.triplet import LossConfig
from audioset_triplet.models import networks
from audioset_triplet.runs import checkpoints, classes, run_config, trained_networks
from audioset_triplet.training.classifier import ClassifierModel
from audioset_triplet.training.triplet import ContrastiveModel, TripletModel
from tests.training import test_classifier, test_triplet
from tests.training.tiny_runs import TINY_RESNET

DEEP = pytest.param("inception_v3", marks=pytest.mark.slow)  # takes seconds to build
DENSE = pytest.param("densenet121", marks=pytest.mark.slow)
NAMES = ["fc", "alexnet", "vgg19", DEEP, "resnet50", "mobilenet", "esresnet_attention", DENSE]
SHAPE = (96, 64)


def options(name):
    return dict(architecture=name, width=0.04, resnet=TINY_RESNET)


def take_step(model, batch):
    """A step; asserts that it had a loss and a gradient, and that it moved most weights (some units may be dead)."""
    before = model.get_weights()
    model.compile(tf.keras.optimizers.Adam(1e-3), run_eagerly=True)
    logs = model.train_step(batch)
    assert np.isfinite(logs["loss"]) and 0 < logs["gradient_norm"] < np.inf
    assert np.mean([np.any(old != new) for old, new in zip(before, model.get_weights())]) > 0.8


@pytest.mark.parametrize("name", NAMES)
def test_a_classifier_learns_and_is_restored_from_a_checkpoint(name, tmp_path):
    config = ClassifierConfig(network=ClassifierNetworkConfig(**options(name), bottleneck=4))
    network, batch = networks.build_classifier(config.network, SHAPE, 3), test_classifier.batch_of(4)
    take_step(ClassifierModel(network, "softmax"), batch)

    workdir = str(tmp_path)
    classes.write(workdir, classes.Classes({0: "a", 1: "b", 2: "c"}, "softmax", 3))
    run_config.write(workdir, config)
    checkpoint, folder = tf.train.Checkpoint(network=network), checkpoints.folder_of(workdir)
    tf.train.CheckpointManager(checkpoint, folder, max_to_keep=1).save(checkpoint_number=1)
    restored = trained_networks.restore_classifier(workdir).network
    np.testing.assert_array_equal(restored(batch.windows), network(batch.windows))


@pytest.mark.parametrize("name", NAMES)
def test_an_embedding_learns_from_triplets_or_pairs(name):
    network = networks.build_embedding(EmbeddingNetworkConfig(**options(name), embedding_size=8), SHAPE)
    assert any(layer.name.startswith("stage1_") for layer in network.layers) == (name in RESNETS)
    loss = "nt_xent" if name in ("alexnet", "mobilenet") else "triplet"
    model = ContrastiveModel if loss == "nt_xent" else TripletModel
    take_step(model(network, LossConfig(loss=loss, margin=0.5)), test_triplet.batch_of(4))
