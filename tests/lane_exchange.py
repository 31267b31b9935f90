"""What a lane makes for the other one, and what it makes of the other's (tests/test_lanes.py).

python -m tests.lane_exchange make FOLDER      # from FOLDER/records.tfrecord: a run, a model, embeddings
python -m tests.lane_exchange take FOLDER OUTPUT   # from what another lane has made in FOLDER
"""

import dataclasses
import pathlib
import shutil
import sys

import numpy as np
import tensorflow as tf

from audioset_triplet.config.network import EmbeddingNetworkConfig
from audioset_triplet.export import saved_model
from audioset_triplet.frontend import registry
from audioset_triplet.media.pcm import PCM_SCALE
from audioset_triplet.records import reading
from audioset_triplet.runs import trained_networks
from audioset_triplet.training import triplet
from tests.training.tiny_runs import TINY_RESNET, tiny_config

RECORDS = "records.tfrecord"
STEPS, FIRST_STEPS = 4, 2  # of a run, and after which it has its first checkpoint


def train(folder: pathlib.Path, run: pathlib.Path) -> None:
    options = dict(optimizer="lamb", learning_rate=0.05, weight_decay=0.01, deterministic=True, steps=STEPS)
    config = tiny_config(str(folder / RECORDS), **options)
    network = EmbeddingNetworkConfig(embedding_size=8, width=0.0625, resnet=TINY_RESNET)
    triplet.train(dataclasses.replace(config, network=network), str(run))


def embed(folder: pathlib.Path, run: pathlib.Path, model: pathlib.Path) -> None:
    """Exports the network of a run and writes the window embeddings [windows, D] of all records beside the model."""
    network, _, _ = trained_networks.restore_embedding(str(run))
    saved_model.export(network, str(model), registry.by_name("log_mel"), {})
    write_embeddings(folder, model, model.with_suffix(".npy"))


def write_embeddings(folder: pathlib.Path, model: pathlib.Path, output: pathlib.Path) -> None:
    loaded = tf.saved_model.load(str(model))
    clips = reading.read_clips([str(folder / RECORDS)], (), True)
    waveforms = [tf.cast(clip["pcm"], tf.float32) / PCM_SCALE for clip in clips]
    np.save(output, np.concatenate([loaded(waveform)["window_embeddings"][0] for waveform in waveforms]))


def make(folder: pathlib.Path) -> None:
    train(folder, folder / "run")
    embed(folder, folder / "run", folder / "model")


def take(folder: pathlib.Path, output: pathlib.Path) -> None:
    """The embeddings of the other's model, of a model of the other's run, and the rest of that run after a stop."""
    output.mkdir()
    write_embeddings(folder, folder / "model", output / "model.npy")
    embed(folder, folder / "run", output / "checkpoint")
    shutil.copytree(folder / "run", output / "run")
    checkpoints = output / "run" / "checkpoints"
    for path in checkpoints.glob(f"ckpt-{STEPS}.*"):
        path.unlink()
    (checkpoints / "checkpoint").write_text(f'model_checkpoint_path: "ckpt-{FIRST_STEPS}"\n')
    train(folder, output / "run")


if __name__ == "__main__":
    action, *folders = sys.argv[1:]
    if action == "make":
        make(pathlib.Path(folders[0]))
    else:
        take(*map(pathlib.Path, folders))
