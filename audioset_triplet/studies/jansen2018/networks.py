"""A row's network -> its embeddings: train, export, embed.

    OUTPUT/fold4-seed0/joint/run, model, embeddings/{train,held_out}, embeddings.json

A stage is skipped if its output exists, and resumes if it was stopped.
"""

import dataclasses
import json
import os
from typing import List, Optional, Tuple

import tensorflow as tf

from audioset_triplet import files
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.embedding import EmbeddingConfig, EmbeddingModelConfig
from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import embedding_job, model_folder, saved_model, vectors
from audioset_triplet.frontend import registry
from audioset_triplet.models import networks
from audioset_triplet.records import clip_labels
from audioset_triplet.records.splits import DataSplit
from audioset_triplet.runs import trained_networks
from audioset_triplet.store import stored_clips
from audioset_triplet.store.stored_clips import StoredClips
from audioset_triplet.training import triplet


@dataclasses.dataclass(frozen=True)
class Embeddings:
    """Folders of complete embeddings of a row."""

    train_folder: str
    held_out_folder: str


def embeddings_of(
    folder: str, row: str, split: DataSplit, config: Optional[TripletConfig], hop_seconds: float = 0.0
) -> Embeddings:
    """The embeddings of a row; makes them if they are not complete.

    Args:
        folder: of the row and the run.
        row: its name.
        split: the clips.
        config: how the network is trained on them; None: log-mel.
        hop_seconds: from a window to the next (`FrontEnd.with_hop`).

    Raises:
        UserError: what a stage raises; a clip that is both trained on and held out.
    """
    train, held_out = (os.path.join(folder, "embeddings", part) for part in ("train", "held_out"))
    path = os.path.join(folder, "embeddings.json")
    if not os.path.exists(path):
        model = _exported(folder, row, split, config, hop_seconds)
        first, second = _embed(model, split.train, train), _embed(model, split.held_out, held_out)
        common = set(first.clip_ids) & set(second.clip_ids)
        if common:
            raise UserError(f"clip {min(common)} is both trained on and held out.")
        files.write_text(path, json.dumps({"model_id": first.model_id}, indent=2) + "\n")
    return Embeddings(train, held_out)


def _exported(folder: str, row: str, split: DataSplit, config: Optional[TripletConfig], hop_seconds: float) -> str:
    """The folder of the exported network of a row."""
    path = os.path.join(folder, "model")
    model_folder.remove_leftovers(path)
    if not os.path.isdir(path):
        tf.keras.backend.clear_session()  # frees the networks of other rows
        network, weights_source = _network(os.path.join(folder, "run"), row, split, config)
        front_end = registry.by_name((config.network if config else NetworkConfig()).front_end)
        if config:
            network = vectors.of_network(network, config.network.vectors, front_end, split.train, _learned(split))
        front_end = front_end.with_hop(hop_seconds)
        saved_model.export(network, path, front_end, {"weights": weights_source})
    return path


def _network(workdir: str, row: str, split: DataSplit, config: Optional[TripletConfig]) -> Tuple[tf.keras.Model, str]:
    """The network of a row, trained to its end, and where its weights come from."""
    if config is None:
        return networks.build_flat_features(networks.feature_shape(NetworkConfig()), "log_mel"), "log_mel"
    if row == "untrained":
        return trained_networks.initial_embedding(config), f"seed {config.training.seed}"
    triplet.train(config, workdir, _learned(split))
    network, _, checkpoint = trained_networks.restore_embedding(workdir)
    return network, checkpoint


def _learned(split: DataSplit) -> List[str]:
    """The ids of the clips that a network learns from: of no recording that is evaluated."""
    train, held_out = (clip_labels.read(data.data, data.folds) for data in (split.train, split.held_out))
    return [clip.clip_id for clip in clip_labels.exclude_recordings(train, held_out)]


def _embed(model: str, data: DataConfig, folder: str) -> StoredClips:
    """Embeds the clips that the folder does not have yet, in this process; returns all that it has."""
    model_config = EmbeddingModelConfig(model=model)
    config = EmbeddingConfig(model=model_config, folds=tuple(data.folds), uses_gpu=False)
    summary = embedding_job.embed(data.data, folder, config, RunnerConfig(num_workers=1))
    for reject in summary.rejects:
        raise UserError(reject.message)
    return stored_clips.read_clips(folder)
